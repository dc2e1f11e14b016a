"""Every release leaves a line in `.deploy/history.sqlite`: how long it took and what it came to."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from dataclasses import asdict, astuple, dataclass, fields
from typing import TYPE_CHECKING, Any

from pytest_deploy.engine.journal import State
from pytest_deploy.engine.phases import CHANGING
from pytest_deploy.errors import EvidenceError
from pytest_deploy.report.results import GateState, PhaseVerdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from pytest_deploy.engine.journal import Entry
    from pytest_deploy.report.results import GateResult

HISTORY = "history.sqlite"
FORMAT = 1
SHOWN = 20
_LOCKED_TIMEOUT_S = 5.0
_KIND = re.compile(r"^(\w+(?:Error|Exception)|\w+(?=: its message is withheld)): ", re.MULTILINE)
_CREATE = """
CREATE TABLE IF NOT EXISTS releases (
    release TEXT PRIMARY KEY,
    app TEXT NOT NULL,
    env TEXT NOT NULL,
    phase TEXT NOT NULL,
    verdict TEXT NOT NULL,
    started_at TEXT NOT NULL,
    seconds REAL NOT NULL,
    errors TEXT NOT NULL,
    rolled_back INTEGER NOT NULL,
    whole INTEGER NOT NULL,
    git_commit TEXT NOT NULL
)
"""


@dataclass(frozen=True)
class Past:
    """
    What a release came to.

    Args:
        release: Its id.
        app: The app's name.
        env: The target.
        phase: What ran; several phases are joined by a comma.
        verdict: What it came to.
        started_at: When it began, in UTC, ISO 8601.
        seconds: How long it took.
        errors: Categories of what went wrong: gates that were red, kinds of errors.
        rolled_back: Whether a phase that changes a target undid what it had done.
        whole: Whether every gate was asked for; a selection counts in no rate.
        commit: The commit that was checked out; empty where git knows of none.
    """

    release: str
    app: str
    env: str
    phase: str
    verdict: str
    started_at: str
    seconds: float
    errors: tuple[str, ...] = ()
    rolled_back: bool = False
    whole: bool = True
    commit: str = ""

    def told(self) -> dict[str, Any]:
        """Give what `report.json` keeps of it."""
        kept = ("release", "phase", "verdict", "started_at", "seconds", "errors", "rolled_back")
        return {name: value for name, value in asdict(self).items() if name in kept}


def remember(folder: Path, past: Past) -> None:
    """
    Add a release, or correct the line that it has already.

    Args:
        folder: The evidence of all releases.
        past: The release.

    Raises:
        EvidenceError: The file is locked, damaged, of a later format, or cannot be written.
    """
    row = [json.dumps(v) if isinstance(v, tuple) else v for v in astuple(past)]
    marks = ", ".join("?" * len(row))
    path = folder / HISTORY
    try:
        with closing(_opened(path)) as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            _refuse_later(path, connection)
            connection.execute(_CREATE)
            connection.execute(f"PRAGMA user_version = {FORMAT}")
            connection.execute(f"INSERT OR REPLACE INTO releases VALUES ({marks})", row)
    except sqlite3.Error as error:
        raise _unusable(path, f"cannot be written: {error}") from None


def recall(folder: Path) -> tuple[Past, ...]:
    """
    Read every release.

    Args:
        folder: The evidence of all releases.

    Returns:
        What each came to, oldest first; nothing where none left a line.

    Raises:
        EvidenceError: The file is locked, damaged, or of a later format.
    """
    path = folder / HISTORY
    if not path.exists():
        return ()
    try:
        with closing(_opened(path)) as connection:
            _refuse_later(path, connection)
            rows = connection.execute("SELECT * FROM releases ORDER BY started_at, release")
            return tuple(_past(row) for row in rows)
    except (sqlite3.Error, ValueError, TypeError) as error:
        raise _unusable(path, f"cannot be read: {error}") from None


def last_of(past: Iterable[Past], app: str, env: str) -> list[dict[str, Any]]:
    """
    Choose what a report tells of former releases.

    Args:
        past: All of them, oldest first.
        app: The app.
        env: The target.

    Returns:
        The last ones of that app on that target, oldest first.
    """
    return [one.told() for one in past if (one.app, one.env) == (app, env)][-SHOWN:]


def categories(gates: Sequence[GateResult], trouble: str, verdict: PhaseVerdict) -> tuple[str, ...]:
    """
    Name what went wrong, so that it can be counted.

    Args:
        gates: What each gate came to.
        trouble: What stopped the run; empty where nothing did.
        verdict: What the run came to.

    Returns:
        Red gates by their names, or the kinds of the errors that they met; `unproven` where
        nothing went wrong and yet nothing is proven.
    """
    found = {name for gate in gates if gate.state is GateState.RED for name in _category(gate)}
    found.update(_KIND.findall(trouble))
    if not found and verdict is PhaseVerdict.UNPROVEN:
        found.add("unproven")
    return tuple(sorted(found))


def _category(gate: GateResult) -> set[str]:
    if gate.remedy:  # it was judged, and found wanting
        return {gate.name}
    return set(_KIND.findall("\n".join(gate.problems))) or {gate.name}


def was_rolled_back(phases: Iterable[str], entries: Iterable[Entry]) -> bool:
    """
    Tell whether a target that was changed has been changed back.

    Args:
        phases: What ran. A rehearsal's target is thrown away in any case.
        entries: The journal.

    Returns:
        Whether a step was undone.
    """
    undone = any(entry.state == State.COMPENSATED for entry in entries)
    return undone and not CHANGING.isdisjoint(phases)


def _opened(path: Path) -> sqlite3.Connection:
    """Open the file, without a WAL: two runs may write at once, and it can be copied as it is."""
    return sqlite3.connect(path, timeout=_LOCKED_TIMEOUT_S, isolation_level=None)


def _refuse_later(path: Path, connection: sqlite3.Connection) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > FORMAT:
        raise _unusable(path, f"is of format {version}, this release reads {FORMAT}")


def _past(row: tuple[Any, ...]) -> Past:
    values = dict(zip([field.name for field in fields(Past)], row, strict=True))
    errors = tuple(json.loads(values["errors"]))
    flags = {name: bool(values[name]) for name in ("rolled_back", "whole")}
    return Past(**{**values, **flags, "errors": errors})


def _unusable(path: Path, problem: str) -> EvidenceError:
    return EvidenceError(
        f"history {path}",
        problem=problem,
        where="--evidence",
        remedy="the verdict stands; see runbooks/report-trouble.md before you move the file aside",
    )
