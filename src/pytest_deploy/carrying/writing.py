"""Opens a copy of the app's SQLite for writing, and says what only the app can do in it."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from pytest_deploy.errors import SourceError
from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.transfer.integrity import (
    indexes_by_stand_ins,
    register_collations,
    stand_in_for_all,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import apsw

    from pytest_deploy.schema.model import VirtualTable
    from pytest_deploy.transfer.exclusions import Exclusions
    from pytest_deploy.transfer.snapshot import Snapshot

_REBUILT = ("fts3", "fts4", "fts5")


@contextmanager
def writing(
    database: Path, raw: Snapshot, left_out: Exclusions | None = None
) -> Iterator[apsw.Connection]:
    """
    Open a copy, in one transaction, without the app's own rules: they did their part already.

    Args:
        database: The copy.
        raw: The source that it is a copy of.
        left_out: What stays behind, where that is to be seen.

    Yields:
        A connection.

    Raises:
        SourceError: SQLite refuses what is done with it.
    """
    import apsw

    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_URI
    try:
        with closing(apsw.Connection(str(database), flags=flags)) as copy:
            copy.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
            copy.config(apsw.SQLITE_DBCONFIG_ENABLE_FKEY, 0)
            # A row that broke a rule in the source broke it on the target, too.
            copy.execute("PRAGMA ignore_check_constraints = ON")
            register_collations(copy, raw.collations)
            stand_in_for_all(copy)
            if left_out is not None:
                left_out.attach(copy)
            with copy:
                yield copy
    except apsw.Error as error:
        raise _refused(type(error).__name__) from None


def left_to_the_app(
    copy: apsw.Connection, virtual_tables: Iterable[VirtualTable], collations: Iterable[str]
) -> tuple[str, ...]:
    """
    Bring up to date what triggers would have, and say what nobody but the app can.

    Args:
        copy: From `writing`, with rows that were changed.
        virtual_tables: Those of the source.
        collations: Those that only the app has.

    Returns:
        What the app is to do, one line each.
    """
    import apsw

    told = []
    for table in virtual_tables:
        name = quoted(table.name)
        try:
            if table.module not in _REBUILT:
                raise apsw.SQLError
            copy.execute(f"INSERT INTO {name}({name}) VALUES ('rebuild')")
        except apsw.Error:
            told.append(f"build {table.name} anew")
    computed = indexes_by_stand_ins(copy)
    return (*told, *(f"REINDEX {name}" for name in (*collations, *computed)))


def _refused(seen: str) -> SourceError:
    # Of SQLite's text nothing is told: it may quote a row.
    return SourceError(
        "copy of the database",
        problem=f"expected SQLite to take what was written on the project, seen {seen}",
        where="the folder of --carry-back",
        remedy="the rows are kept on the project: see runbooks/rollback.md",
    )
