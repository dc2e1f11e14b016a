"""The jobs of a proof: what is hashed on either side, and compared, piece by piece."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_deploy.transfer.buckets import (
    Hash,
    PieceDigest,
    SourceHasher,
    Sums,
    ordered_statement,
    piece_sql,
    unordered_statement,
)
from pytest_deploy.transfer.connections import transaction
from pytest_deploy.transfer.differences import (
    MOST_DIFFERENCES,
    Comparison,
    cells_that_differ,
    in_order,
)
from pytest_deploy.transfer.pieces import Piece
from pytest_deploy.transfer.reading import read_columns
from pytest_deploy.transfer.rows import Transfer, Work

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_deploy.schema.plan import PlannedTable
    from pytest_deploy.transfer.differences import Found

_PAGES = 4_000  # of a table in Postgres, some 32 MB
_SORT_MEMORY = "64MB"  # a piece is sorted in memory where no index gives its order


@dataclass(frozen=True)
class _OfPiece:
    """
    What is done with one piece of a table.

    Args:
        work: The piece.
        digest: Of its source; None to read it.
    """

    work: Work
    digest: PieceDigest | None

    @property
    def table(self) -> PlannedTable:
        """The table."""
        return self.work.table


class Ordered(_OfPiece):
    """The comparison of one piece of a table with an integer key."""

    def do(self) -> Comparison:
        """Compare bucket by bucket, and cell by cell where a bucket differs."""
        source = self.digest or digest_source(self.work)
        target = target_hashes(self.work, source)
        found: list[Found] = []
        for bucket in _unequal(self.work, source, target):
            here, there = in_order(bucket)
            found += cells_that_differ(self.table, here, there)
        rows = sum(count for count, _ in target.values())
        return outcome(self.table, source.rows, rows, found)


class SourceSums(_OfPiece):
    """The digest of one piece of a table without an order."""

    def do(self) -> PieceDigest:
        """Read the source where there is no digest of it yet."""
        return self.digest or digest_source(self.work)


@dataclass(frozen=True)
class TargetSums:
    """
    The hashes of some pages of a table in Postgres.

    Args:
        transfer: The two sides.
        table: The table.
        within: SQL for the pages.
    """

    transfer: Transfer
    table: PlannedTable
    within: str

    def do(self) -> dict[str, Sums]:
        """Add them up by bucket."""
        relation = self.transfer.relation(self.table)
        with transaction(self.transfer.target) as connection:
            found = connection.execute(unordered_statement(relation, self.table, self.within))
            return {b: (int(n), int(first), int(second)) for b, n, first, second in found}


def buckets_that_differ(work: Work, source: PieceDigest) -> Iterator[Work]:
    """
    Find the parts of a piece that are not the same on both sides.

    Args:
        work: A piece of a table with an integer key.
        source: The digest of its source.

    Returns:
        Each bucket as a piece of its own.
    """
    return _unequal(work, source, target_hashes(work, source))


def _unequal(work: Work, source: PieceDigest, target: dict[int, Hash]) -> Iterator[Work]:
    """Give each bucket as a piece: the first and the last reach as far as the whole piece."""
    inner = source.starts[1:]
    firsts, ends = [work.piece.first, *inner], [*inner, work.piece.end]
    for number, hashed in enumerate(source.hashes or ((0, ""),)):
        if target.get(number, (0, "")) != hashed:
            piece = Piece(work.table.source, firsts[number], ends[number])
            yield Work(work.transfer, work.table, piece)


def digest_source(work: Work) -> PieceDigest:
    """
    Read a piece of the source.

    Args:
        work: The piece.

    Returns:
        Its digest.
    """
    hasher = SourceHasher(work.table, work.transfer.zone)
    for columns in read_columns(work):
        hasher.add(columns)
    return hasher.digest()


def target_sums(transfer: Transfer, table: PlannedTable) -> dict[str, Sums]:
    """
    Add up the hashes of a whole table in Postgres.

    Args:
        transfer: The two sides.
        table: A table without an order.

    Returns:
        Sums by bucket.
    """
    return TargetSums(transfer, table, "true").do()


def target_hashes(work: Work, source: PieceDigest) -> dict[int, Hash]:
    """
    Read the hashes of a piece in Postgres.

    Args:
        work: A piece of a table with an integer key.
        source: The digest of its source, which says where buckets begin.

    Returns:
        Rows and hash by the number of the bucket; nothing for a bucket without rows.
    """
    relation, within = work.transfer.relation(work.table), piece_sql(work.table, work.piece)
    statement = ordered_statement(relation, work.table, within, source.starts[1:])
    with transaction(work.transfer.target) as connection:
        connection.execute(f"SET LOCAL work_mem = '{_SORT_MEMORY}'")
        # Rows come in the order of their key and are put together by hashing, which keeps it; a
        # sort by bucket would not. The pieces are what is worked on side by side.
        connection.execute("SET LOCAL max_parallel_workers_per_gather = 0")
        connection.execute("SET LOCAL enable_sort = off")
        found = connection.execute(statement).fetchall()
    return {int(number): (int(count), text) for number, count, text in found}


def outcome(table: PlannedTable, source: int, target: int, found: list[Found]) -> Comparison:
    """
    Sum up what was found in a table or a piece of it.

    Args:
        table: The table.
        source: Rows of the source.
        target: Rows of the target.
        found: What differs.

    Returns:
        The outcome.
    """
    return Comparison(
        table.source.name,
        rows_source=source,
        rows_target=target,
        cells_compared=source * len(table.columns),
        cells_different=sum(count for count, _ in found),
        differences=tuple(d for _, shown in found for d in shown)[:MOST_DIFFERENCES],
    )


def target_parts(transfer: Transfer, table: PlannedTable) -> list[TargetSums]:
    """
    Cut a table by where its rows lie in Postgres; the last part has no end.

    Args:
        transfer: The two sides.
        table: The table.

    Returns:
        One job for each part.
    """
    with transaction(transfer.target) as connection:
        row = connection.execute(
            "SELECT pg_relation_size(c.oid) / current_setting('block_size')::int"
            " FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
            " WHERE n.nspname = %s AND c.relname = %s",
            (transfer.schema, table.name),
        ).fetchone()
    pages = int(row[0]) if row else 0
    starts = list(range(0, max(pages, 1), _PAGES))
    within = [f"ctid >= '({start},0)'" for start in starts]
    for number, end in enumerate(starts[1:]):
        within[number] += f" AND ctid < '({end},0)'"
    return [TargetSums(transfer, table, said) for said in within]
