"""
Proves that every cell arrived: both sides hash the canonical form of their rows, by buckets.

The source's hashes ride on the copy: they are made of the raw values that were read for it. Where
there was no copy the source is read. A bucket that differs is read on both sides and compared cell
by cell. Values never leave this module in clear: a difference shows them as fingerprints.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeAlias

from pytest_deploy.transfer.buckets import PieceDigest, Sums, added, buckets_unequal, ordering_key
from pytest_deploy.transfer.differences import Comparison, cells_that_differ, in_buckets
from pytest_deploy.transfer.proof_jobs import (
    Ordered,
    SourceSums,
    TargetSums,
    outcome,
    target_parts,
)
from pytest_deploy.transfer.refusals import transfer_error
from pytest_deploy.transfer.rows import Copied, Transfer, Work, work_on
from pytest_deploy.transfer.work import run

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_deploy.schema.plan import PlannedTable
    from pytest_deploy.transfer.differences import Found

Job: TypeAlias = Ordered | SourceSums | TargetSums
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
            jobs += target_parts(transfer, table)
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


def _compare_sums(
    transfer: Transfer,
    table: PlannedTable,
    digests: list[PieceDigest],
    targets: list[dict[str, Sums]],
) -> Comparison:
    source = added(digests)
    target = added(PieceDigest(sums=sums) for sums in targets)
    unequal = buckets_unequal(source, target)
    found: list[Found] = []
    if unequal:
        here, there = in_buckets(transfer, table, unequal)
        found = cells_that_differ(table, here, there)
    rows = sum(sums[0] for sums in source.values()), sum(sums[0] for sums in target.values())
    return outcome(table, *rows, found)
