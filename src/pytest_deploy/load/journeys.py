"""Which locustfiles there are, whom each of them asks, and what it writes: read, never imported."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Literal

from pytest_deploy.errors import LoadError
from pytest_deploy.load.launch import RUNBOOK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

Asks = Literal["database", "project"]
_MODULES: dict[str, Asks] = {
    "pytest_deploy.load.user": "database",
    "pytest_deploy.load.http": "project",
}
_WRITES = "writes"


def journeys_in(folder: Path) -> list[Path]:
    """
    List the locustfiles of a folder.

    Args:
        folder: `[gates.load] folder`; a file whose name begins with `_` is no journey.

    Returns:
        Files, in order.

    Raises:
        LoadError: There is none.
    """
    found = sorted(path for path in folder.glob("*.py") if not path.name.startswith("_"))
    if not found:
        raise LoadError(
            f"journeys in {folder}",
            problem="expected a locustfile for each journey, seen none",
            where="deploy.toml, [gates.load] folder",
            remedy=f"write one, or leave [gates.load] out; {RUNBOOK}",
        )
    return found


def journeys_that_ask(folder: Path, whom: Asks) -> list[Path]:
    """
    List the locustfiles of a folder that ask the database, or those that ask the project.

    Args:
        folder: `[gates.load] folder`.
        whom: Which ones.

    Returns:
        Files, in order; there may be none.

    Raises:
        LoadError: There is no locustfile at all, or one asks both.
    """
    return [file for file in journeys_in(folder) if asks(file) == whom]


def asks(file: Path) -> Asks:
    """
    Say whom a journey asks: a project over HTTP where it imports `pytest_deploy.load.http`.

    Args:
        file: The locustfile.

    Returns:
        `project`, or `database`, which is also said of a file that cannot be read: carrying it
        out says why.

    Raises:
        LoadError: It imports what asks the one, and what asks the other.
    """
    found = {_MODULES[name] for name in _imports(_tree(file)) if name in _MODULES}
    if len(found) > 1:
        raise LoadError(
            f"journey {file}",
            problem="expected users of one kind, seen DatabaseUser and SupabaseUser",
            where="what the file imports of pytest_deploy.load",
            remedy=f"make two files of it; {RUNBOOK}",
        )
    return found.pop() if found else "database"


def writes_of(files: Iterable[Path]) -> dict[str, str]:
    """
    Read what journeys write: `writes` of their classes.

    Args:
        files: Locustfiles.

    Returns:
        The column that tells a row of ours, by table.

    Raises:
        LoadError: It is not written out, so nobody could say what must be taken back.
    """
    found: dict[str, str] = {}
    for file in files:
        for value in _written(_tree(file)):
            try:
                told = ast.literal_eval(value)
                found |= {str(table): str(column) for table, column in told.items()}
            except (ValueError, AttributeError, TypeError):
                raise LoadError(
                    f"journey {file}",
                    problem="expected a dictionary of texts, seen something else",
                    where=f"line {value.lineno}: {_WRITES}",
                    remedy=f'write it out: {_WRITES} = {{"table": "text column"}}; {RUNBOOK}',
                ) from None
    return found


def _tree(file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return ast.Module(body=[], type_ignores=[])


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def _written(tree: ast.Module) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.ClassDef):
            continue
        for line in node.body:
            if not isinstance(line, ast.Assign | ast.AnnAssign) or line.value is None:
                continue
            targets = line.targets if isinstance(line, ast.Assign) else [line.target]
            if any(isinstance(one, ast.Name) and one.id == _WRITES for one in targets):
                yield line.value
