"""
Opens the snapshot so that texts come as bytes, as they are stored.

apsw reads, with an SQLite of its own: rows come in half the time that sqlite3 takes, as nothing is
locked and no text decoded. Where texts are not stored in UTF-8, or where SQLite computes what is
read, sqlite3 does: one SQLite computes all that is compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from pytest_deploy.transfer.exclusions import open_source
from pytest_deploy.transfer.integrity import register_collations

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    import apsw

    from pytest_deploy.schema.kinds import RawValue
    from pytest_deploy.transfer.exclusions import Exclusions
    from pytest_deploy.transfer.snapshot import Snapshot


@dataclass(frozen=True)
class RawSource:
    """
    An open snapshot with its exclusions.

    Args:
        connection: To both.
        casts: Whether texts come as bytes only where a statement says so.
    """

    connection: sqlite3.Connection | apsw.Connection
    casts: bool

    def rows(self, statement: str, values: dict[str, RawValue]) -> Iterator[tuple[RawValue, ...]]:
        """
        Read rows.

        Args:
            statement: A SELECT, whose texts are cast where that is asked for.
            values: Of its named parameters.

        Returns:
            The rows, texts as bytes.
        """
        found = self.connection.execute(statement, values)
        return cast("Iterator[tuple[RawValue, ...]]", found)


def open_raw(snapshot: Snapshot, left_out: Exclusions, *, computes: bool) -> RawSource:
    """
    Open a snapshot with its exclusions.

    Args:
        snapshot: The snapshot.
        left_out: What stays behind.
        computes: Whether SQLite computes some of what is read.

    Returns:
        The source.

    Source: https://rogerbinns.github.io/apsw/connection.html
    """
    if not computes:
        quick = open_quick(snapshot)
        if quick.pragma("encoding") == "UTF-8":
            left_out.attach(quick)
            return RawSource(quick, casts=True)
        quick.close()
    connection = open_source(snapshot, left_out, text_errors="strict")
    connection.text_factory = bytes
    return RawSource(connection, casts=False)


def open_quick(snapshot: Snapshot) -> apsw.Connection:
    """
    Open a snapshot with apsw.

    Args:
        snapshot: The snapshot.

    Returns:
        A connection for one thread, which cannot write; unknown collations compare by bytes.
    """
    import apsw

    # One thread reads, and nobody writes.
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI | apsw.SQLITE_OPEN_NOMUTEX
    connection = apsw.Connection(snapshot.uri, flags=flags)
    register_collations(connection, snapshot.collations)
    return connection
