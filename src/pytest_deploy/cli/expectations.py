"""`python -m pytest_deploy expectations`: first rules for the app's data."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_deploy.cli.planning import Asked, add_options, planned
from pytest_deploy.cli.saying import say
from pytest_deploy.config.problems import meant
from pytest_deploy.config.settings import EXPECTATIONS
from pytest_deploy.errors import ConfigError, EvidenceError
from pytest_deploy.validation.drafting import draft

if TYPE_CHECKING:
    from argparse import Namespace, _SubParsersAction

    from pytest_deploy.schema.plan import PlannedTable
    from pytest_deploy.transfer.planning import Prepared

_PLAIN = re.compile(r"\w[\w .-]{0,79}")


def add_expectations(commands: _SubParsersAction) -> None:  # type: ignore[type-arg]
    """
    Add `expectations draft`.

    Args:
        commands: Of the parser.
    """
    expectations = commands.add_parser("expectations", help="rules that the app's data must fulfil")
    below = expectations.add_subparsers(dest="what", required=True, metavar="WHAT")
    command = below.add_parser(
        "draft",
        help="propose a suite for each table, or for one, to be edited and committed",
        description="Write one suite of Great Expectations for each table, from what the source"
        " holds. Exit code 0: written, or there already; 1: an error.",
    )
    command.add_argument("table", nargs="?", metavar="TABLE", help="only this one")
    command.add_argument(
        "--output", type=Path, metavar="DIR", help="default: the folder that deploy.toml names"
    )
    command.add_argument("--force", action="store_true", help="write over what is there")
    add_options(command)
    command.set_defaults(run=_draft)


def _draft(options: Namespace) -> int:
    asked = Asked.of(options)
    folder = options.output or asked.settings.expectations or Path(EXPECTATIONS)
    personal = frozenset(asked.settings.privacy.personal)
    with planned(asked) as frozen:
        prepared = frozen.prepared
        for table in _tables(prepared, options.table):
            path = folder / _file_name(table.source.name)
            if path.exists() and not options.force:
                _keep(path, named=options.table is not None)
            else:
                _write(path, draft(prepared, table, personal))
    return 0


def _tables(prepared: Prepared, name: str | None) -> tuple[PlannedTable, ...]:
    if name is None:
        return prepared.plan.tables
    try:
        return (prepared.plan.table(name),)
    except KeyError:
        known = [table.source.name for table in prepared.plan.tables]
        raise ConfigError(
            f"table {name!r}",
            problem=f"expected a table of the source, seen none of that name{meant(name, known)}",
            where="the command line, TABLE",
            remedy="name one of the source's tables, or none for all of them",
        ) from None


def _file_name(table: str) -> str:
    """Name the file as the table, where files may be named so."""
    if _PLAIN.fullmatch(table):
        return f"{table}.json"
    plain = re.sub(r"\W+", "_", table)[:40].strip("_")
    return f"{plain}_{hashlib.sha256(table.encode()).hexdigest()[:8]}.json"


def _keep(path: Path, *, named: bool) -> None:
    if named:
        raise EvidenceError(
            f"suite {path}",
            problem="expected no file, seen one: somebody may have edited it",
            where="the command line, TABLE",
            remedy="name another folder with --output, or write over it with --force",
        )
    say(f"{path}: is there, left as it is (--force writes over it)")


def _write(path: Path, suite: dict[str, Any]) -> None:
    text = json.dumps(suite, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    except OSError as error:
        raise EvidenceError(
            f"suite {path}",
            problem=f"cannot be written: {error.strerror}",
            where="--output, or deploy.toml, [gates.expectations] folder",
            remedy="name another folder, or give this account the right to write there",
        ) from None
    say(f"{path}: written, {len(suite['expectations']):,} expectations")
