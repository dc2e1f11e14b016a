"""
Makes the source what the target needs, in a private copy, before anything is read or planned.

References to uploads become references to Storage; users get the id that Auth knows them by. The
schema plan, the copy and the proof see one source; a gate proves what was changed, and that nothing
else was.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pytest_deploy.errors import SourceError
from pytest_deploy.transfer.sqlite_file import WHERE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import apsw

    from pytest_deploy.transfer.snapshot import Snapshot

_NAME = "adapted.db"


class Change(Protocol):
    """One kind of change to the rows of the copy."""

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """The columns that it may change or add, as table and column; all else stays."""

    def __call__(self, connection: apsw.Connection) -> int:
        """
        Make the change.

        Args:
            connection: To the copy, in a transaction; triggers and foreign keys are off.

        Returns:
            How many values were changed.
        """


@dataclass(frozen=True)
class Adaptation:
    """
    A snapshot, and what became of it.

    Args:
        raw: As the app wrote it.
        snapshot: As it is deployed; the same where nothing is to be changed.
        changes: What was changed; each knows what it found.
        changed: How many values were changed.
    """

    raw: Snapshot
    snapshot: Snapshot
    changes: tuple[Change, ...] = ()
    changed: int = 0

    @property
    def columns(self) -> frozenset[tuple[str, str]]:
        """The columns that may differ, as table and column."""
        return frozenset(column for change in self.changes for column in change.columns)


def adapt(snapshot: Snapshot, changes: Sequence[Change], folder: Path) -> Adaptation:
    """
    Change a copy of a snapshot.

    Args:
        snapshot: The snapshot; it stays as it is.
        changes: What is changed, in this order; none leaves the snapshot itself.
        folder: A private folder for the copy.

    Returns:
        Both, and what may differ.

    Raises:
        SourceError: SQLite refuses a change.
    """
    import apsw

    if not changes:
        return Adaptation(snapshot, snapshot)
    path = folder / _NAME
    snapshot.copy_to(path)
    try:
        with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
            changed = _carry_out(connection, changes)
    except apsw.Error as error:
        raise _refused(error) from None
    return Adaptation(snapshot, snapshot.changed_in(path), tuple(changes), changed)


def _carry_out(connection: apsw.Connection, changes: Sequence[Change]) -> int:
    import apsw

    # The app's own rules would change more than we say.
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_FKEY, 0)
    connection.execute("PRAGMA ignore_check_constraints = ON")
    connection.execute("PRAGMA synchronous = OFF")
    with connection:
        changed = [change(connection) for change in changes]
    return sum(changed)


def _refused(error: Exception) -> SourceError:
    # Of SQLite's text nothing is told: it may quote a row.
    return SourceError(
        "copy of the database",
        problem=f"expected it to take the changes that Supabase needs, seen {type(error).__name__}",
        where=f"{WHERE}, [files] and [users]",
        remedy="look at the tables and columns that these sections name",
    )
