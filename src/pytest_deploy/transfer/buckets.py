"""
Hashes the rows of both sides by buckets: what is equal on both sides need not be looked at again.

A table with one integer key is hashed in the order of that key, neighbours together: the source
says where buckets begin. Any other table is hashed row by row, and the hashes of a bucket are added
up, so no order is needed, and equal rows count as often as they are there.
"""

from __future__ import annotations

import hashlib
import struct
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import count, repeat
from typing import TYPE_CHECKING, TypeAlias, cast

from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.schema.kinds import Kind
from pytest_deploy.transfer.canonical import canonical
from pytest_deploy.transfer.canonical_sql import cell_sql, part_sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import tzinfo

    from pytest_deploy.schema.kinds import RawValue
    from pytest_deploy.schema.plan import PlannedColumn, PlannedTable
    from pytest_deploy.transfer.pieces import Piece

FORMAT = 4  # of the canonical row, its hash and the buckets: part of what is stored as evidence
_BUCKET_DIGITS = 2  # of a row's hash, where rows have no order
_MOST_ARGUMENTS = 100  # that Postgres lets a function have
_MOST_DIGESTS = 10_000  # that are kept before they are summed up
_WORDS = 2

Sums: TypeAlias = "tuple[int, int, int]"
Hash: TypeAlias = "tuple[int, str]"
Cells: TypeAlias = "tuple[bytes | None, ...]"


@dataclass(frozen=True)
class PieceDigest:
    """
    The rows of a piece, as hashes.

    Args:
        rows: How many there are.
        starts: The first key of each bucket, ascending; empty where rows have no order.
        hashes: For each of them, how many rows it has and their hash.
        sums: How many rows and the sums of their hashes, by the first digits of the hash.
    """

    rows: int = 0
    starts: tuple[int, ...] = ()
    hashes: tuple[Hash, ...] = ()
    sums: dict[str, Sums] = field(default_factory=dict)


def ordering_key(table: PlannedTable) -> PlannedColumn | None:
    """
    Name the column that orders the rows on both sides.

    Args:
        table: The table.

    Returns:
        Its one integer key; None where it has another key, or none.
    """
    name = table.source.rowid_column
    if name is None or table.primary_key is None:
        return None
    column = table.named(name)
    return column if column.type.kind is Kind.BIGINT else None


class SourceHasher:
    """
    Hashes the rows of a piece as they are read, in the order of the key.

    Args:
        table: Their table.
        zone: The zone of dates that name none.
    """

    def __init__(self, table: PlannedTable, zone: tzinfo) -> None:
        self._forms = [canonical(column.type.kind, zone) for column in table.columns]
        self._required = [column.not_null for column in table.columns]
        key = ordering_key(table)
        self._key = None if key is None else table.columns.index(key)
        self._rows = 0
        self._starts: list[int] = []
        self._hashes: list[Hash] = []
        self._digests: dict[int, list[bytes]] = defaultdict(list)
        self._sums: dict[str, Sums] = {}

    def add(self, columns: Sequence[Sequence[RawValue]]) -> None:
        """
        Add a batch.

        Args:
            columns: Raw values by column, texts as bytes.
        """
        rows = len(columns[0])
        self._rows += rows
        if self._key is None:
            self._add_unordered(columns)
            return
        parts = [
            _md5(part).hexdigest()
            for form, values, required in zip(self._forms, columns, self._required, strict=True)
            for part in form.parts(values, required=required)
        ]
        self._starts.append(cast("int", columns[self._key][0]))
        self._hashes.append((rows, _md5("".join(parts).encode()).hexdigest()))

    def _add_unordered(self, columns: Sequence[Sequence[RawValue]]) -> None:
        for row in self._rows_of(columns):
            digest = _md5(row).digest()
            self._digests[digest[0]].append(digest)
        if sum(map(len, self._digests.values())) > _MOST_DIGESTS:
            self._sum_up()

    def _sum_up(self) -> None:
        found = {bucket_of(some[0]): _summed(some) for some in self._digests.values()}
        self._sums = added(PieceDigest(sums=sums) for sums in (self._sums, found))
        self._digests.clear()

    def _rows_of(self, columns: Sequence[Sequence[RawValue]]) -> Iterator[bytes]:
        """Lay rows out as `row_sql` does."""
        fields = [form.fields(values) for form, values in zip(self._forms, columns, strict=True)]
        heads = repeat(struct.pack(">i", len(fields)))  # without an end
        return map(b"".join, zip(heads, *fields, strict=False))

    def buckets(self, columns: Sequence[Sequence[RawValue]]) -> Iterator[tuple[str, Cells]]:
        """
        Name the bucket of each row, where rows have no order.

        Args:
            columns: Raw values by column, texts as bytes.

        Yields:
            The bucket, and the row's canonical cells.
        """
        cells = [form.cells(values) for form, values in zip(self._forms, columns, strict=True)]
        for row, of_row in zip(self._rows_of(columns), zip(*cells, strict=True), strict=True):
            yield bucket_of(_md5(row).digest()), of_row

    def digest(self) -> PieceDigest:
        """
        Finish.

        Returns:
            The digest of all batches.
        """
        self._sum_up()
        return PieceDigest(self._rows, tuple(self._starts), tuple(self._hashes), self._sums)


def _summed(digests: list[bytes]) -> Sums:
    words = struct.unpack(f">{_WORDS * len(digests)}q", b"".join(digests))
    return len(digests), sum(words[::_WORDS]), sum(words[1::_WORDS])


def bucket_of(digest: bytes) -> str:
    """Name the bucket of a row by its hash."""
    return digest[:1].hex()


def added(digests: Iterable[PieceDigest]) -> dict[str, Sums]:
    """
    Add up the digests of a table's pieces.

    Args:
        digests: Of rows without an order.

    Returns:
        Sums by bucket.
    """
    total: dict[str, Sums] = {}
    for digest in digests:
        for name, (n, first, second) in digest.sums.items():
            before = total.get(name, (0, 0, 0))
            total[name] = (before[0] + n, before[1] + first, before[2] + second)
    return total


def row_sql(columns: Sequence[PlannedColumn]) -> str:
    """
    Write a row as SQL, so that no two rows have the same bytes.

    Args:
        columns: The table's columns.

    Returns:
        The number of columns; then for each its type's number, its length and its canonical form.
    """
    cells = ", ".join(cell_sql(c.type.kind, quoted(c.name)) for c in columns)
    return f"record_send(ROW({cells}))"


def row_hash_sql(columns: Sequence[PlannedColumn]) -> str:
    """Write a row's hash as SQL."""
    return f"md5({row_sql(columns)})"


def bucket_sql(row_hash: str) -> str:
    """Write the bucket of a row's hash as SQL, as `bucket_of` names it."""
    return f"substr({row_hash}, 1, {_BUCKET_DIGITS})"


def buckets_sql(columns: Sequence[PlannedColumn], buckets: Iterable[str]) -> str:
    """
    Write the condition of some buckets in Postgres.

    Args:
        columns: The table's columns.
        buckets: Their names.

    Returns:
        SQL.
    """
    listed = ", ".join(f"'{bucket}'" for bucket in sorted(buckets))
    return f"{bucket_sql(row_hash_sql(columns))} IN ({listed})"


def buckets_unequal(source: dict[str, Sums], target: dict[str, Sums]) -> set[str]:
    """
    Name the buckets that are not the same on both sides.

    Args:
        source: Sums of the source.
        target: Sums of the target.

    Returns:
        Their names.
    """
    return {b for b in source.keys() | target.keys() if source.get(b) != target.get(b)}


def piece_sql(table: PlannedTable, piece: Piece) -> str:
    """
    Write the condition of a piece in Postgres.

    Args:
        table: A table with an integer key.
        piece: The piece.

    Returns:
        SQL.
    """
    key = ordering_key(table)
    bounds = ((">=", piece.first), ("<", piece.end))
    said = [
        f"{quoted(key.name)} {sign} {bound}"
        for sign, bound in bounds
        if key is not None and isinstance(bound, int)
    ]
    return " AND ".join(said) or "true"


def ordered_statement(
    relation: str, table: PlannedTable, within: str, starts: Sequence[int]
) -> str:
    """
    Write the query for the hashes of rows in order.

    Args:
        relation: The table, qualified.
        table: The table.
        within: SQL for the piece.
        starts: The first key of every bucket but the first.

    Returns:
        SQL; buckets are numbered from 0. It is to be run so that Postgres puts rows together in
        the order of the key, see `target_hashes`.
    """
    key = quoted(cast("PlannedColumn", ordering_key(table)).name)
    begins = ",".join(map(str, starts))
    strings = [
        f"md5(coalesce(string_agg({part}, ''), ''))"
        for column in table.columns
        for part in part_sql(column.type.kind, quoted(column.name), required=column.not_null)
    ]
    bucket = quoted(_free_name(table))
    return (
        f"SELECT {bucket}, count(*), md5({_concatenated(strings)}) FROM"
        f" (SELECT width_bucket({key}, '{{{begins}}}'::bigint[]) AS {bucket}, * FROM {relation}"
        f" WHERE {within} ORDER BY {key}) AS rows GROUP BY 1"
    )


def _free_name(table: PlannedTable) -> str:
    """Find a name that no column has."""
    taken = {column.name for column in table.columns}
    return next(name for n in count() if (name := f"bucket{n}") not in taken)


def unordered_statement(relation: str, table: PlannedTable, within: str) -> str:
    """
    Write the query for the sums of hashes by bucket.

    Args:
        relation: The table, qualified.
        table: The table.
        within: SQL for the piece.

    Returns:
        SQL.
    """
    words = ", ".join(
        f"sum(('x' || substr(h, {1 + 16 * n}, 16))::bit(64)::bigint)" for n in range(_WORDS)
    )
    return (
        f"SELECT {bucket_sql('h')} AS b, count(*), {words} FROM"
        f" (SELECT {row_hash_sql(table.columns)} AS h FROM {relation} WHERE {within}) AS rows"
        " GROUP BY 1"
    )


def _concatenated(parts: list[str]) -> str:
    while len(parts) > _MOST_ARGUMENTS:
        parts = [
            f"concat({', '.join(parts[n : n + _MOST_ARGUMENTS])})"
            for n in range(0, len(parts), _MOST_ARGUMENTS)
        ]
    return f"concat({', '.join(parts)})"


def _md5(data: bytes) -> hashlib._Hash:
    return hashlib.md5(data, usedforsecurity=False)
