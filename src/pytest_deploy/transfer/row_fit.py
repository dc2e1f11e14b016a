"""
Finds the rows that are too large for a page, by writing them.

Postgres moves long texts and blobs out of a row, so that only rows of very many columns are too
large. Those that may be are copied into a temporary table; what it refuses is the finding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.schema.kinds import Kind
from pytest_deploy.transfer.connections import close_all
from pytest_deploy.transfer.pieces import Piece
from pytest_deploy.transfer.reading import read_columns
from pytest_deploy.transfer.refusals import transfer_error
from pytest_deploy.transfer.rows import Work
from pytest_deploy.transfer.values import HEADER, TRAILER, RowWriter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import psycopg

    from pytest_deploy.schema.kinds import RawValue
    from pytest_deploy.schema.plan import PlannedTable
    from pytest_deploy.transfer.rows import Transfer

    Columns = Sequence[Sequence[RawValue]]
    Key = tuple[RawValue, ...]

# Source: https://www.postgresql.org/docs/current/storage-page-layout.html
LARGEST_ROW_BYTES = 8_160
_HEAD_BYTES = 24
_LARGEST_CELL_BYTES = 24  # a pointer to what was moved out, or a UUID, and what aligns the next one
_EIGHT_BYTES = (Kind.BIGINT, Kind.DOUBLE, Kind.DATE, Kind.BOOLEAN, Kind.TIMESTAMPTZ)
_CELL_BYTES = dict.fromkeys(_EIGHT_BYTES, 8)


def may_be_too_large(table: PlannedTable) -> bool:
    """
    Tell whether a table has so many columns that a row of it may be too large for a page.

    Args:
        table: The table.

    Returns:
        Whether it may; tables of fewer than three hundred columns never have such a row.
    """
    cells = (_CELL_BYTES.get(c.type.kind, _LARGEST_CELL_BYTES) for c in table.columns)
    return _HEAD_BYTES + len(table.columns) / 8 + sum(cells) > LARGEST_ROW_BYTES


def rows_too_large(transfer: Transfer, table: PlannedTable) -> list[Key]:
    """
    Try the rows of a table on the target.

    Args:
        transfer: The snapshot, what stays behind so far, and the target whose Postgres decides.
        table: The table.

    Returns:
        The identities of the rows that no page holds.

    Raises:
        TransferError: The target could not be used.
    """
    import psycopg

    work = Work(transfer, table, Piece(table.source), ride=False)
    keys = _keys(transfer, table)
    try:
        with transfer.target.connect() as connection:
            probe = _Probe(connection, transfer, table)
            tried = (fits for columns in read_columns(work) for fits in probe.tried(columns))
            return [key for key, fits in zip(keys, tried, strict=True) if not fits]
    except psycopg.Error as error:
        raise transfer_error(f"trying the rows of {table.source.name!r}", error) from None
    finally:
        close_all()  # workers that are made later must open the source on their own


def _keys(transfer: Transfer, table: PlannedTable) -> Iterator[Key]:
    """Read the identities of the rows, in the order in which they are read."""
    names = ", ".join(f"s.{quoted(name)}" for name in table.source.identity)
    source = transfer.exclusions.source_of(table.source)
    yield from transfer.open_source().execute(f"SELECT {names} FROM {source} ORDER BY {names}")


class _Probe:
    """
    A temporary table like the one that is planned.

    Args:
        connection: To the target.
        transfer: Knows the zone of dates.
        table: The planned table.
    """

    def __init__(
        self, connection: psycopg.Connection, transfer: Transfer, table: PlannedTable
    ) -> None:
        self._connection = connection
        self._writer = RowWriter([c.type.kind for c in table.columns], transfer.zone)
        # What Postgres computes takes its room too: here it is what SQLite has computed.
        typed = ", ".join(f"c{n} {c.type.sql}" for n, c in enumerate(table.columns))
        connection.execute(f"CREATE TEMPORARY TABLE probe ({typed}) ON COMMIT DROP")

    def tried(self, columns: Columns) -> list[bool]:
        """
        Write rows.

        Args:
            columns: A batch, by column.

        Returns:
            For each row, whether a page holds it.
        """
        return self._fit(columns, 0, len(columns[0]))

    def _fit(self, columns: Columns, first: int, end: int) -> list[bool]:
        """Write all of them at once; where one is refused, each half on its own."""
        if self._taken([values[first:end] for values in columns]):
            return [True] * (end - first)
        if end - first == 1:
            return [False]
        middle = (first + end) // 2
        return self._fit(columns, first, middle) + self._fit(columns, middle, end)

    def _taken(self, columns: Columns) -> bool:
        from psycopg import errors

        try:
            with (
                self._connection.transaction(force_rollback=True),
                self._connection.cursor() as cursor,
                cursor.copy("COPY probe FROM STDIN (FORMAT binary)") as copy,
            ):
                for part in (HEADER, self._writer.rows(columns), TRAILER):
                    copy.write(part)
        except errors.ProgramLimitExceeded:
            return False
        return True
