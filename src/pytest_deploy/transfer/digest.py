"""
Proves that every cell arrived: both sides hash each row's canonical form, by buckets of the key.

The hashes of a bucket are added up, so no order is needed, and rows without a key, or equal rows,
count as often as they are there. A bucket that differs is read on both sides and compared cell by
cell. Values never leave this module in clear: a difference shows them as fingerprints.
"""

from __future__ import annotations

import hashlib
import struct
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.schema.profile import BATCH_ROWS
from pytest_deploy.transfer.canonical import canonical, canonical_sql
from pytest_deploy.transfer.keys import shown_key
from pytest_deploy.transfer.refusals import transfer_error
from pytest_deploy.transfer.rows import select_rows
from pytest_deploy.transfer.work import Piece, pieces_of, run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_deploy.schema.plan import PlannedColumn, PlannedTable
    from pytest_deploy.transfer.rows import Transfer

FORMAT = 1  # of the canonical row, its hash and the buckets: part of what is stored as evidence
MOST_DIFFERENCES = 20
_BUCKET_BITS = 11  # some 2,000 neighbouring integer keys make a bucket
_BUCKET_DIGITS = 2  # of the key's hash, for keys that are no integers
_WORDS = struct.Struct(">4i")
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1

Cells: TypeAlias = "tuple[str | None, ...]"
Bucket: TypeAlias = "tuple[int, int, int, int, int]"


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


def compare_tables(
    transfer: Transfer, tables: Sequence[PlannedTable], *, workers: int
) -> tuple[Comparison, ...]:
    """
    Compare every cell of every table.

    Args:
        transfer: The two sides.
        tables: The tables.
        workers: Processes; 1 for this one.

    Returns:
        One outcome for each table, in their order.

    Raises:
        TransferError: The target could not be read.
    """
    found = {table.source.name: Comparison(table.source.name) for table in tables}
    todo = [(transfer, piece) for piece in _pieces(transfer, tables)]
    for piece in run(compare_piece, todo, workers=workers):
        found[piece.table] = found[piece.table].joined(piece)
    return tuple(found.values())


def _pieces(transfer: Transfer, tables: Iterable[PlannedTable]) -> list[Piece]:
    """Cut tables as for copying, but stretch the ends: no key of the target is left out."""
    cut = pieces_of(transfer.open_source(), tables)
    stretched: list[Piece] = []
    for before, piece, after in zip([None, *cut], cut, [*cut[1:], None], strict=False):
        first, last = piece.first, piece.last
        if first is not None and (before is None or before.table is not piece.table):
            first = _SMALLEST
        if last is not None and (after is None or after.table is not piece.table):
            last = _LARGEST
        stretched.append(Piece(piece.table, first, last))
    return stretched


def compare_piece(todo: tuple[Transfer, Piece]) -> Comparison:
    """
    Compare one piece of a table.

    Args:
        todo: The two sides, and the piece.

    Returns:
        Its outcome.

    Raises:
        TransferError: The target could not be read.
    """
    import psycopg

    transfer, piece = todo
    reading = _Reading(transfer, piece)
    source = reading.source_buckets()
    try:
        target = reading.target_buckets()
        unequal = {b for b in source.keys() | target.keys() if source.get(b) != target.get(b)}
        different = reading.differences(unequal) if unequal else []
    except psycopg.Error as error:
        raise transfer_error(f"comparing table {piece.table.source.name!r}", error) from None
    rows = sum(bucket[0] for bucket in source.values())
    return Comparison(
        piece.table.source.name,
        rows_source=rows,
        rows_target=sum(bucket[0] for bucket in target.values()),
        cells_compared=rows * len(piece.table.columns),
        cells_different=sum(count for count, _ in different),
        differences=tuple(d for _, shown in different for d in shown)[:MOST_DIFFERENCES],
    )


class _Reading:
    """Both sides of one piece, as canonical cells and as buckets of hashes."""

    def __init__(self, transfer: Transfer, piece: Piece) -> None:
        self._transfer = transfer
        self._piece = piece
        self._columns = piece.table.columns
        self._forms = [canonical(c.type.kind, transfer.zone) for c in self._columns]
        self._key = _key_columns(piece.table)
        self._positions = [self._columns.index(column) for column in self._key]
        self._by_number = len(self._key) == 1 and self._key[0].identity

    def source_buckets(self) -> dict[str, Bucket]:
        buckets: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0, 0])
        for cells in self.source_cells():
            digest = hashlib.md5(_row_text(cells), usedforsecurity=False)
            bucket = buckets[self._bucket(cells, digest.hexdigest())]
            bucket[0] += 1
            for n, word in enumerate(_WORDS.unpack(digest.digest()), 1):
                bucket[n] += word
        return {name: (b[0], b[1], b[2], b[3], b[4]) for name, b in buckets.items()}

    def source_cells(self) -> Iterator[Cells]:
        cursor = select_rows(self._transfer, self._piece, self._columns)
        while batch := cursor.fetchmany(BATCH_ROWS):
            by_column = zip(*batch, strict=True)
            forms = [form(v) for form, v in zip(self._forms, by_column, strict=True)]
            yield from zip(*forms, strict=True)

    def _bucket(self, cells: Cells, row_hash: str) -> str:
        if self._by_number:
            return str(int(cells[self._positions[0]] or 0) >> _BUCKET_BITS)
        if not self._key:
            return row_hash[:_BUCKET_DIGITS]
        text = _row_text(tuple(cells[n] for n in self._positions))
        return hashlib.md5(text, usedforsecurity=False).hexdigest()[:_BUCKET_DIGITS]

    def target_buckets(self) -> dict[str, Bucket]:
        words = ", ".join(
            f"sum(('x' || substr(h, {1 + 8 * n}, 8))::bit(32)::int)" for n in range(4)
        )
        statement = f"SELECT b, count(*), {words} FROM ({self._hashed()}) AS hashed GROUP BY b"
        with self._transfer.target.connect() as connection:
            found = connection.execute(statement).fetchall()
        return {b: (int(n), int(w0), int(w1), int(w2), int(w3)) for b, n, w0, w1, w2, w3 in found}

    def _hashed(self) -> str:
        key = self._by_number and quoted(self._key[0].name)
        within = self._piece.condition(key) if key else "true"
        carried = ", ".join([f"{_hash_sql(self._columns)} AS h", *_quoted(self._key)])
        relation = self._transfer.relation(self._piece.table)
        rows = f"SELECT {carried} FROM {relation} WHERE {within}"
        return f"SELECT {self._bucket_sql('h')} AS b, h FROM ({rows}) AS r"

    def _bucket_sql(self, row_hash: str) -> str:
        if self._by_number:
            return f"({quoted(self._key[0].name)} >> {_BUCKET_BITS})::text"
        if not self._key:
            return f"substr({row_hash}, 1, {_BUCKET_DIGITS})"
        return f"substr({_hash_sql(self._key)}, 1, {_BUCKET_DIGITS})"

    def differences(self, buckets: set[str]) -> list[tuple[int, list[Difference]]]:
        source = self._grouped(
            cells
            for cells in self.source_cells()
            if self._bucket(cells, hashlib.md5(_row_text(cells), usedforsecurity=False).hexdigest())
            in buckets
        )
        target = self._grouped(self._target_cells(buckets))
        found: list[tuple[int, list[Difference]]] = []
        for key in source.keys() | target.keys():
            here, there = source.get(key, Counter()), target.get(key, Counter())
            if here != there:
                found.append(
                    self._difference(
                        key, list((here - there).elements()), list((there - here).elements())
                    )
                )
        return found

    def _grouped(self, rows: Iterable[Cells]) -> dict[Cells, Counter[Cells]]:
        grouped: dict[Cells, Counter[Cells]] = defaultdict(Counter)
        for cells in rows:
            grouped[tuple(cells[n] for n in self._positions)][cells] += 1
        return grouped

    def _target_cells(self, buckets: set[str]) -> list[Cells]:
        cells = ", ".join(canonical_sql(c.type.kind, quoted(c.name)) for c in self._columns)
        relation = self._transfer.relation(self._piece.table)
        bucket = self._bucket_sql(_hash_sql(self._columns))
        statement = f"SELECT {cells} FROM {relation} WHERE {bucket} = ANY(%s)"
        with self._transfer.target.connect() as connection:
            return connection.execute(statement, (sorted(buckets),)).fetchall()

    def _difference(
        self, key: Cells, here: list[Cells], there: list[Cells]
    ) -> tuple[int, list[Difference]]:
        names = tuple(column.name for column in self._key)
        shown = shown_key(names, [_as_number(c, v) for c, v in zip(self._key, key, strict=True)])
        shown = shown or "a row without a key"
        pairs = list(zip(here, there, strict=False)) if self._key else []
        cells = [
            Difference(shown, column.source.name, _fingerprint(mine), _fingerprint(theirs))
            for left, right in pairs
            for column, mine, theirs in zip(self._columns, left, right, strict=True)
            if mine != theirs
        ]
        width = len(self._columns)
        missing, extra = here[len(pairs) :], there[len(pairs) :]
        rows = [Difference(shown, "", "a row", "no row") for _ in missing]
        rows += [Difference(shown, "", "no row", "a row") for _ in extra]
        return len(cells) + width * len(rows), cells + rows


def _key_columns(table: PlannedTable) -> tuple[PlannedColumn, ...]:
    """Name the columns that tell rows apart on both sides; none where NULL may stand in them."""
    if table.primary_key is None:
        return ()
    return tuple(table.named(name) for name in table.source.primary_key)


def _row_text(cells: Cells) -> bytes:
    """Write a row so that no two rows have the same text: each cell with its length before it."""
    return "".join(["-" if c is None else f"{len(c)}:{c}" for c in cells]).encode()


def _text_sql(columns: Sequence[PlannedColumn]) -> str:
    cells = [canonical_sql(column.type.kind, quoted(column.name)) for column in columns]
    return " || ".join(f"coalesce(length({cell}) || ':' || {cell}, '-')" for cell in cells)


def _hash_sql(columns: Sequence[PlannedColumn]) -> str:
    return f"md5({_text_sql(columns)})"


def _quoted(columns: Sequence[PlannedColumn]) -> list[str]:
    return [quoted(column.name) for column in columns]


def _as_number(column: PlannedColumn, cell: str | None) -> int | str | None:
    return int(cell) if cell is not None and column.type.sql == "bigint" else cell


def _fingerprint(cell: str | None) -> str:
    if cell is None:
        return "NULL"
    digest = hashlib.sha256(cell.encode()).hexdigest()[:12]
    return f"{len(cell)} characters, sha256:{digest}"
