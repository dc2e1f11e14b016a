"""Names what differs: by table, key and column, with values as fingerprints only."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.schema.kinds import Kind
from pytest_deploy.transfer.buckets import (
    SourceHasher,
    buckets_sql,
    piece_sql,
)
from pytest_deploy.transfer.canonical import canonical
from pytest_deploy.transfer.canonical_sql import cell_sql
from pytest_deploy.transfer.keys import key_of, shown_key
from pytest_deploy.transfer.reading import read_columns
from pytest_deploy.transfer.rows import work_on

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_deploy.schema.kinds import RawValue
    from pytest_deploy.schema.plan import PlannedColumn, PlannedTable
    from pytest_deploy.transfer.rows import Transfer, Work

MOST_DIFFERENCES = 20
_LENGTH_BYTES = 4  # before the form of a text

Cells: TypeAlias = "tuple[bytes | None, ...]"
Found: TypeAlias = "tuple[int, list[Difference]]"


@dataclass(frozen=True)
class Difference:
    """
    One cell or row that is not the same.

    Args:
        key: The row, as people may see it.
        column: The column; empty where a whole row is missing or too many.
        source: What the source holds: a fingerprint, `NULL`, or `no row`.
        target: What the target holds, likewise.
    """

    key: str
    column: str
    source: str
    target: str


@dataclass(frozen=True)
class Comparison:
    """
    The outcome for one table.

    Args:
        table: Its name in the source.
        rows_source: Rows that go over.
        rows_target: Rows found in Postgres.
        cells_compared: Cells of the source whose canonical forms were compared.
        cells_different: Cells that are not the same; all cells of a row missing or too many.
        differences: The first of them.
    """

    table: str
    rows_source: int = 0
    rows_target: int = 0
    cells_compared: int = 0
    cells_different: int = 0
    differences: tuple[Difference, ...] = ()

    def joined(self, other: Comparison) -> Comparison:
        """Add the outcome of another piece of the same table."""
        return Comparison(
            self.table,
            self.rows_source + other.rows_source,
            self.rows_target + other.rows_target,
            self.cells_compared + other.cells_compared,
            self.cells_different + other.cells_different,
            (self.differences + other.differences)[:MOST_DIFFERENCES],
        )


def in_order(work: Work) -> tuple[list[Cells], list[Cells]]:
    """
    Read the rows of a bucket between two keys.

    Args:
        work: The bucket, as a piece of a table with an integer key.

    Returns:
        Canonical cells of the source and of the target.
    """
    forms = [canonical(c.type.kind, work.transfer.zone) for c in work.table.columns]
    here = [
        cells
        for columns in read_columns(work)
        for cells in zip(*(f.cells(v) for f, v in zip(forms, columns, strict=True)), strict=True)
    ]
    return here, _target_cells(work.transfer, work.table, piece_sql(work.table, work.piece))


def in_buckets(
    transfer: Transfer, table: PlannedTable, buckets: set[str]
) -> tuple[list[Cells], list[Cells]]:
    """
    Read the rows of some buckets of a table without an order.

    Args:
        transfer: The two sides.
        table: The table.
        buckets: Their names.

    Returns:
        Canonical cells of the source and of the target.
    """
    hasher = SourceHasher(table, transfer.zone)
    here = [
        cells
        for work in work_on(transfer, [table])
        for columns in read_columns(work)
        for bucket, cells in hasher.buckets(columns)
        if bucket in buckets
    ]
    return here, _target_cells(transfer, table, buckets_sql(table.columns, buckets))


def _target_cells(transfer: Transfer, table: PlannedTable, within: str) -> list[Cells]:
    cells = ", ".join(cell_sql(c.type.kind, quoted(c.name)) for c in table.columns)
    statement = f"SELECT {cells} FROM {transfer.relation(table)} WHERE {within}"
    with transfer.target.connect() as connection:
        return connection.execute(statement).fetchall()


def cells_that_differ(table: PlannedTable, here: list[Cells], there: list[Cells]) -> list[Found]:
    """
    Compare rows cell by cell.

    Args:
        table: Their table.
        here: Canonical cells of the source.
        there: Canonical cells of the target.

    Returns:
        For each key that differs how many cells do, and which. Never nothing: it is asked only
        where hashes differ.
    """
    positions = key_of(table)
    key = tuple(table.columns[position] for position in positions)
    source, target = _grouped(here, positions), _grouped(there, positions)
    found = [
        _difference(table, key, of_row, _beyond(mine, theirs), _beyond(theirs, mine))
        for of_row in source.keys() | target.keys()
        if (mine := source.get(of_row, Counter())) != (theirs := target.get(of_row, Counter()))
    ]
    return found or [(1, [Difference("some rows", "", "their hash", "another hash")])]


def _grouped(rows: Iterable[Cells], positions: tuple[int, ...]) -> dict[Cells, Counter[Cells]]:
    grouped: dict[Cells, Counter[Cells]] = defaultdict(Counter)
    for cells in rows:
        grouped[tuple(cells[n] for n in positions)][cells] += 1
    return grouped


def _beyond(mine: Counter[Cells], theirs: Counter[Cells]) -> list[Cells]:
    return list((mine - theirs).elements())


def _difference(
    table: PlannedTable,
    key: tuple[PlannedColumn, ...],
    of_row: Cells,
    here: list[Cells],
    there: list[Cells],
) -> Found:
    names = tuple(column.name for column in key)
    shown = shown_key(names, [_as_shown(c, v) for c, v in zip(key, of_row, strict=True)])
    shown = shown or "a row without a key"
    pairs = list(zip(here, there, strict=False)) if key else []
    cells = [
        Difference(shown, column.source.name, _fingerprint(mine), _fingerprint(theirs))
        for left, right in pairs
        for column, mine, theirs in zip(table.columns, left, right, strict=True)
        if mine != theirs
    ]
    missing, extra = here[len(pairs) :], there[len(pairs) :]
    rows = [Difference(shown, "", "a row", "no row") for _ in missing]
    rows += [Difference(shown, "", "no row", "a row") for _ in extra]
    return len(cells) + len(table.columns) * len(rows), cells + rows


def _as_shown(column: PlannedColumn, cell: bytes | None) -> RawValue:
    """Read a key back from its form: a number is shown in clear, a text as its hash."""
    if cell is None:
        return None
    if column.type.kind is Kind.BIGINT:
        return int.from_bytes(cell, signed=True)
    return cell[_LENGTH_BYTES:] if column.type.kind is Kind.TEXT else cell


def _fingerprint(cell: bytes | None) -> str:
    if cell is None:
        return "NULL"
    return f"sha256:{hashlib.sha256(cell).hexdigest()[:12]}"
