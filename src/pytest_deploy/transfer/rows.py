"""Streams tables into Postgres with COPY."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_deploy.schema.identifiers import quoted, quoted_list
from pytest_deploy.schema.profile import BATCH_ROWS
from pytest_deploy.transfer.exclusions import Exclusions, open_source
from pytest_deploy.transfer.refusals import transfer_error
from pytest_deploy.transfer.values import converter
from pytest_deploy.transfer.work import Piece, pieces_of, run

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence
    from datetime import tzinfo

    from pytest_deploy.providers.postgres.base import Target
    from pytest_deploy.schema.plan import PlannedColumn, PlannedTable
    from pytest_deploy.transfer.snapshot import Snapshot


@dataclass(frozen=True)
class Transfer:
    """
    What a worker needs to move rows or to compare them.

    Args:
        snapshot: Where rows are read.
        exclusions: What stays behind.
        target: Where rows go.
        schema: The Postgres schema they go to.
        zone: The zone of dates that name none.
    """

    snapshot: Snapshot
    exclusions: Exclusions
    target: Target
    schema: str
    zone: tzinfo

    def relation(self, table: PlannedTable) -> str:
        """Give the qualified name of a table in Postgres, quoted."""
        return f"{quoted(self.schema)}.{quoted(table.name)}"

    def open_source(self) -> sqlite3.Connection:
        """Open the snapshot with its exclusions."""
        return open_source(self.snapshot, self.exclusions, text_errors="strict")


def copy_rows(
    transfer: Transfer, tables: Sequence[PlannedTable], *, workers: int
) -> dict[str, int]:
    """
    Copy tables, side by side where that is worth it.

    Args:
        transfer: From where to where.
        tables: The tables, which stand empty and without constraints in Postgres.
        workers: Processes; 1 for this one.

    Returns:
        Rows written, by the table's name in the source.

    Raises:
        TransferError: Postgres refused a row, the disk is full, or the connection was lost.

    Source: https://www.postgresql.org/docs/current/sql-copy.html
    """
    pieces = pieces_of(transfer.open_source(), tables)
    written = {table.source.name: 0 for table in tables}
    todo = [(transfer, piece) for piece in pieces]
    for name, rows in run(copy_piece, todo, workers=workers):
        written[name] += rows
    return written


def copy_piece(todo: tuple[Transfer, Piece]) -> tuple[str, int]:
    """
    Copy one piece of a table, in one transaction.

    Args:
        todo: From where to where, and the piece.

    Returns:
        The table's name in the source, and rows written.

    Raises:
        TransferError: See `copy_rows`.
    """
    import psycopg

    transfer, piece = todo
    table = piece.table
    columns = quoted_list(tuple(column.name for column in table.written))
    statement = f"COPY {transfer.relation(table)} ({columns}) FROM STDIN"
    rows = 0
    try:
        with transfer.target.connect() as connection, connection.cursor().copy(statement) as copy:
            for count, text in _lines(transfer, piece):
                copy.write(text)
                rows += count
    except psycopg.Error as error:
        raise transfer_error(f"copying table {table.source.name!r}", error) from None
    return table.source.name, rows


def _lines(transfer: Transfer, piece: Piece) -> Iterator[tuple[int, str]]:
    """Read a piece and yield batches: how many rows, and their text."""
    table = piece.table
    converters = [converter(column.type.kind, transfer.zone) for column in table.written]
    cursor = select_rows(transfer, piece, table.written)
    while batch := cursor.fetchmany(BATCH_ROWS):
        by_column = zip(*batch, strict=True)
        texts = [convert(v) for convert, v in zip(converters, by_column, strict=True)]
        lines = map("\t".join, zip(*texts, strict=True))
        yield len(batch), "\n".join(lines) + "\n"


def select_rows(
    transfer: Transfer, piece: Piece, columns: Sequence[PlannedColumn]
) -> sqlite3.Cursor:
    """
    Read the rows of a piece as they go over.

    Args:
        transfer: From where.
        piece: The piece.
        columns: The columns to read.

    Returns:
        A cursor over raw values in the order of the columns, in the order of the key.
    """
    table, left_out = piece.table, transfer.exclusions
    values = ", ".join(left_out.cell(table.source, c.source.name) for c in columns)
    key = piece.table.source.rowid_column
    within = piece.condition(f"s.{quoted(key)}") if key else "true"
    order = ", ".join(f"s.{quoted(name)}" for name in table.source.identity)
    return transfer.open_source().execute(
        f"SELECT {values} FROM {left_out.source_of(table.source)} AND {within} ORDER BY {order}"
    )
