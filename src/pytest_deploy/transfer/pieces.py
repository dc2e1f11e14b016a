"""Cuts tables into pieces of as many rows, by the order in which SQLite keeps them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from pytest_deploy.schema.identifiers import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_deploy.schema.kinds import RawValue
    from pytest_deploy.schema.model import Table
    from pytest_deploy.transfer.snapshot import Snapshot

PIECE_ROWS = 25_000
_TABLES_REMEMBERED = 1_024


@dataclass(frozen=True)
class Piece:
    """
    One piece of a table: the rows from one key on, up to another.

    Args:
        table: The table.
        first: The piece's first key; None for all before `end`.
        end: The key that is the first behind the piece; None for all from `first` on.
    """

    table: Table
    first: RawValue = field(default=None, repr=False)  # a key may be somebody's name
    end: RawValue = field(default=None, repr=False)

    def condition(self, alias: str) -> tuple[str, dict[str, RawValue]]:
        """
        Give the condition of the piece in SQLite.

        Args:
            alias: What the table is called in the statement.

        Returns:
            SQL, and the values of its named parameters.
        """
        column = cut_by(self.table)
        if column is None:
            return "1", {}
        said = [
            f"{alias}.{quoted(column)} {sign} :{name}"
            for name, sign, value in (("first", ">=", self.first), ("end", "<", self.end))
            if value is not None
        ]
        bounds = {"first": self.first, "end": self.end}
        return " AND ".join(said) or "1", {k: v for k, v in bounds.items() if v is not None}


def cut_by(table: Table) -> str | None:
    """
    Name the column by whose order a table can be cut.

    Args:
        table: The table.

    Returns:
        The rowid, also a hidden one; of a table WITHOUT ROWID the first column of its key, which
        is never NULL. None where the rowid cannot be named.
    """
    if table.rowid_name:
        return table.rowid_name
    return table.primary_key[0] if table.without_rowid else None


@lru_cache(maxsize=_TABLES_REMEMBERED)
def cut(snapshot: Snapshot, table: Table, *, rows: int | None = None) -> tuple[Piece, ...]:
    """
    Cut a table of a snapshot, once for all that work on its pieces: a snapshot never changes.

    Args:
        snapshot: Where its rows are.
        table: The table.
        rows: Rows of a piece; None for `PIECE_ROWS`.

    Returns:
        See `pieces_of`.
    """
    with closing(snapshot.connect()) as connection:
        return tuple(pieces_of(connection, table, rows=rows or PIECE_ROWS))


def pieces_of(
    connection: sqlite3.Connection, table: Table, *, rows: int = PIECE_ROWS
) -> list[Piece]:
    """
    Cut a table where it is large.

    Args:
        connection: The snapshot; text that is not UTF-8 is an error.
        table: The table.
        rows: Rows of a piece. It is larger where so many rows begin with one key.

    Returns:
        Pieces that hold each row once. The first and the last have no end outwards.
    """
    bounds = [None, *_bounds(connection, table, rows), None]
    return [Piece(table, *pair) for pair in pairwise(bounds)]


def _bounds(connection: sqlite3.Connection, table: Table, rows: int) -> list[RawValue]:
    column = cut_by(table)
    if column is None:
        return []
    try:
        return list(_walk(connection, quoted(column), f"main.{quoted(table.name)}", rows))
    except sqlite3.OperationalError:  # a key that is not UTF-8 cannot be asked for
        return []


def _walk(connection: sqlite3.Connection, column: str, table: str, rows: int) -> Iterator[RawValue]:
    """Go from bound to bound; the keys alone are read, and each of them once."""
    found = connection.execute(
        f"SELECT {column} FROM {table} ORDER BY {column} LIMIT 1 OFFSET {rows}"
    ).fetchone()
    before = connection.execute(
        f"SELECT {column} FROM {table} ORDER BY {column} LIMIT 1"
    ).fetchone()
    while found is not None:
        if found == before:
            found = connection.execute(
                f"SELECT {column} FROM {table} WHERE {column} > ? ORDER BY {column} LIMIT 1", found
            ).fetchone()
            if found is None:
                return
        yield found[0]
        before = found
        found = connection.execute(
            f"SELECT {column} FROM {table} WHERE {column} >= ? ORDER BY {column}"
            f" LIMIT 1 OFFSET {rows}",
            before,
        ).fetchone()
