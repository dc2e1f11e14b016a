"""Finds which rows are others on the target than in the source: what was written there since."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from pytest_deploy.schema.backwards import read_sql
from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.transfer.buckets import (
    SourceHasher,
    added,
    buckets_sql,
    buckets_unequal,
    ordering_key,
    piece_sql,
)
from pytest_deploy.transfer.canonical import canonical
from pytest_deploy.transfer.canonical_sql import cell_sql
from pytest_deploy.transfer.connections import transaction
from pytest_deploy.transfer.keys import key_of
from pytest_deploy.transfer.proof_jobs import buckets_that_differ, digest_source, target_sums
from pytest_deploy.transfer.reading import read_columns
from pytest_deploy.transfer.rows import work_on

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_deploy.schema.backwards import Held
    from pytest_deploy.schema.kinds import RawValue
    from pytest_deploy.schema.plan import PlannedTable
    from pytest_deploy.transfer.buckets import Cells
    from pytest_deploy.transfer.rows import Transfer, Work

Here: TypeAlias = "tuple[Cells, tuple[RawValue, ...]]"
There: TypeAlias = "tuple[Cells, tuple[Held, ...]]"


@dataclass(frozen=True)
class RowChange:
    """
    One row that is another one.

    Args:
        before: As the source has it, by planned column, texts as bytes; None where it has none.
        after: As the target has it, read as `read_sql` says; None where it is gone.
        differing: The positions of the columns that are not the same; none for a whole row.
    """

    before: tuple[RawValue, ...] | None
    after: tuple[Held, ...] | None
    differing: tuple[int, ...] = ()


def row_changes(transfer: Transfer, table: PlannedTable) -> Iterator[RowChange]:
    """
    Compare a table on both sides; only what hashes say is another is read.

    Args:
        transfer: The two sides.
        table: The table.

    Yields:
        What was written to the target, in no order; a row without a key that was changed is one
        that is gone and one that came.

    Raises:
        TransferError: The target could not be read.
    """
    some = _ordered(transfer, table) if ordering_key(table) else _unordered(transfer, table)
    key = key_of(table)
    for here, there in some:
        yield from _by_key(here, there, key) if key else _whole(here, there)


def _ordered(transfer: Transfer, table: PlannedTable) -> Iterator[tuple[list[Here], list[There]]]:
    for work in work_on(transfer, [table]):
        for bucket in buckets_that_differ(work, digest_source(work)):
            within = piece_sql(table, bucket.piece)
            yield list(_source_rows(bucket)), _target_rows(transfer, table, within)


def _unordered(transfer: Transfer, table: PlannedTable) -> Iterator[tuple[list[Here], list[There]]]:
    source = added(digest_source(work) for work in work_on(transfer, [table]))
    target = target_sums(transfer, table)
    unequal = buckets_unequal(source, target)
    if not unequal:
        return
    hasher = SourceHasher(table, transfer.zone)
    here = [
        (cells, row)
        for work in work_on(transfer, [table])
        for columns in read_columns(work)
        for (bucket, cells), row in zip(
            hasher.buckets(columns), zip(*columns, strict=True), strict=True
        )
        if bucket in unequal
    ]
    yield here, _target_rows(transfer, table, buckets_sql(table.columns, unequal))


def _source_rows(work: Work) -> Iterator[Here]:
    forms = [canonical(c.type.kind, work.transfer.zone) for c in work.table.columns]
    for columns in read_columns(work):
        cells = [form.cells(values) for form, values in zip(forms, columns, strict=True)]
        yield from zip(zip(*cells, strict=True), zip(*columns, strict=True), strict=True)


def _target_rows(transfer: Transfer, table: PlannedTable, within: str) -> list[There]:
    cells = [cell_sql(c.type.kind, quoted(c.name)) for c in table.columns]
    held = [read_sql(c.type.kind, quoted(c.name)) for c in table.columns]
    # In one array: a table may have 1,600 columns, and a query gives 1,664 at most.
    listed = ", ".join((f"ARRAY[{', '.join(cells)}]::bytea[]", *held))
    statement = f"SELECT {listed} FROM {transfer.relation(table)} WHERE {within}"
    with transaction(transfer.target) as connection:
        rows = connection.execute(statement.encode()).fetchall()
    return [(tuple(row[0]), row[1:]) for row in rows]


def _by_key(
    here: Iterable[Here], there: Iterable[There], key: tuple[int, ...]
) -> Iterator[RowChange]:
    waiting = {tuple(cells[n] for n in key): (cells, row) for cells, row in here}
    for cells, held in there:
        found = waiting.pop(tuple(cells[n] for n in key), None)
        if found is None:
            yield RowChange(None, held)
            continue
        both = enumerate(zip(found[0], cells, strict=True))
        differing = tuple(n for n, (mine, theirs) in both if mine != theirs)
        if differing:
            yield RowChange(found[1], held, differing)
    yield from (RowChange(row, None) for _, row in waiting.values())


def _whole(here: Iterable[Here], there: Iterable[There]) -> Iterator[RowChange]:
    rows: dict[Cells, list[tuple[RawValue, ...]]] = defaultdict(list)
    held: dict[Cells, tuple[Held, ...]] = {}
    count: Counter[Cells] = Counter()
    for cells, row in here:
        rows[cells].append(row)
    for cells, values in there:
        held[cells] = values
        count[cells] += 1
    for cells, same in rows.items():
        yield from (RowChange(row, None) for row in same[count[cells] :])
    for cells, values in held.items():
        missing = count[cells] - len(rows.get(cells, ()))
        yield from (RowChange(None, values) for _ in range(missing))
