"""
Proves that every cell arrived: both sides hash the canonical form of their rows, by buckets.

The source's hashes ride on the copy: they are made of the raw values that were read for it. Where
there was no copy the source is read. A bucket that differs is read on both sides and compared cell
by cell. Values never leave this module in clear: a difference shows them as fingerprints.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from pytest_deploy.transfer.buckets import (
    Hash,
    PieceDigest,
    SourceHasher,
    Sums,
    added,
    ordered_statement,
    ordering_key,
    piece_sql,
    unordered_statement,
)
from pytest_deploy.transfer.connections import transaction
from pytest_deploy.transfer.differences import (
    MOST_DIFFERENCES,
    Comparison,
    cells_that_differ,
    in_buckets,
    in_order,
)
from pytest_deploy.transfer.pieces import Piece
from pytest_deploy.transfer.refusals import transfer_error
from pytest_deploy.transfer.rows import Copied, Transfer, Work, read_columns, work_on
from pytest_deploy.transfer.work import run

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_deploy.schema.plan import PlannedTable
    from pytest_deploy.transfer.differences import Found

_PAGES = 4_000  # of a table in Postgres, some 32 MB
_SORT_MEMORY = "64MB"  # a piece is sorted in memory where no index gives its order

Job: TypeAlias = "Ordered | SourceSums | TargetSums"
Done: TypeAlias = "Comparison | PieceDigest | dict[str, Sums]"


def compare_tables(
    transfer: Transfer,
    tables: Sequence[PlannedTable],
    *,
    workers: int,
    copied: Iterable[Copied] = (),
) -> tuple[Comparison, ...]:
    """
    Compare every cell of every table.

    Args:
        transfer: The two sides.
        tables: The tables.
        workers: Processes; 1 for this one.
        copied: What was copied, with its digests; tables that are not in it are read again.

    Returns:
        One outcome for each table, in their order.

    Raises:
        TransferError: The target could not be read.
    """
    jobs = _jobs(transfer, tables, copied)
    compared = {table.source.name: Comparison(table.source.name) for table in tables}
    digests: dict[str, list[PieceDigest]] = defaultdict(list)
    targets: dict[str, list[dict[str, Sums]]] = defaultdict(list)
    for job, done in zip(jobs, run(do, jobs, workers=workers), strict=True):
        name = job.table.source.name
        if isinstance(done, Comparison):
            compared[name] = compared[name].joined(done)
        elif isinstance(done, PieceDigest):
            digests[name].append(done)
        else:
            targets[name].append(done)
    for table in tables:
        name = table.source.name
        if ordering_key(table) is None:
            compared[name] = _compare_sums(transfer, table, digests[name], targets[name])
    return tuple(compared.values())


def do(job: Job) -> Done:
    """
    Do one job of the proof.

    Args:
        job: The job.

    Returns:
        Its outcome.

    Raises:
        TransferError: The target could not be read.
    """
    import psycopg

    try:
        return job.do()
    except psycopg.Error as error:
        raise transfer_error(f"comparing table {job.table.source.name!r}", error) from None


def _jobs(
    transfer: Transfer, tables: Sequence[PlannedTable], copied: Iterable[Copied]
) -> list[Job]:
    ridden: dict[str, list[Copied]] = defaultdict(list)
    for one in copied:
        ridden[one.table].append(one)
    jobs: list[Job] = []
    for table in tables:
        pieces = _with_digests(transfer, table, ridden[table.source.name])
        if ordering_key(table) is not None:
            jobs += [Ordered(work, digest) for work, digest in pieces]
        else:
            jobs += [SourceSums(work, digest) for work, digest in pieces]
            jobs += _target_parts(transfer, table)
    return jobs


def _with_digests(
    transfer: Transfer, table: PlannedTable, copied: list[Copied]
) -> list[tuple[Work, PieceDigest | None]]:
    """Take the pieces as they were copied, if they are the whole table; else cut it again."""
    copied = sorted(copied, key=lambda one: one.number)
    ends = [(one.piece.first, one.piece.end) for one in copied]
    chained = [None, *[end for _, end in ends]] == [*[first for first, _ in ends], None]
    if not ends or not chained:
        return [(work, None) for work in work_on(transfer, [table])]
    return [(Work(transfer, table, one.piece), one.digest) for one in copied]


@dataclass(frozen=True)
class Ordered:
    """
    The comparison of one piece of a table with an integer key.

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

    def do(self) -> Comparison:
        """Compare bucket by bucket, and cell by cell where a bucket differs."""
        source = self.digest or digest_source(self.work)
        target = target_hashes(self.work, source)
        found: list[Found] = []
        for number, hashed in enumerate(source.hashes or ((0, ""),)):
            if target.get(number, (0, "")) != hashed:
                here, there = in_order(self._bucket(source, number))
                found += cells_that_differ(self.table, here, there)
        rows = sum(count for count, _ in target.values())
        return outcome(self.table, source.rows, rows, found)

    def _bucket(self, source: PieceDigest, number: int) -> Work:
        """Give one bucket as a piece: the first and the last reach as far as the piece."""
        inner = source.starts[1:]
        firsts, ends = [self.work.piece.first, *inner], [*inner, self.work.piece.end]
        piece = Piece(self.table.source, firsts[number], ends[number])
        return Work(self.work.transfer, self.table, piece)


@dataclass(frozen=True)
class SourceSums:
    """
    The digest of one piece of a table without an order.

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


def _target_parts(transfer: Transfer, table: PlannedTable) -> list[Job]:
    """Cut a table by where its rows lie in Postgres; the last part has no end."""
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


def _compare_sums(
    transfer: Transfer,
    table: PlannedTable,
    digests: list[PieceDigest],
    targets: list[dict[str, Sums]],
) -> Comparison:
    source = added(digests)
    target = added(PieceDigest(sums=sums) for sums in targets)
    unequal = {b for b in source.keys() | target.keys() if source.get(b) != target.get(b)}
    found: list[Found] = []
    if unequal:
        here, there = in_buckets(transfer, table, unequal)
        found = cells_that_differ(table, here, there)
    rows = sum(sums[0] for sums in source.values()), sum(sums[0] for sums in target.values())
    return outcome(table, *rows, found)
