"""Does the next insert work in every table, also an empty one."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from pytest_deploy.gates.verdict import Verdict
from pytest_deploy.schema.catalog import read_catalog
from pytest_deploy.schema.ddl import relation
from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.transfer.refusals import refusal
from pytest_deploy.transfer.sequences import LARGEST_KEY, last_key, sequence_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from pytest_deploy.providers.postgres.base import Target
    from pytest_deploy.schema.catalog import CatalogTable
    from pytest_deploy.schema.plan import PlannedTable, SchemaPlan


def next_inserts_work(plan: SchemaPlan, target: Target) -> Verdict:
    """
    Insert a row into every table, by its defaults alone, and take it back.

    What else a row must fulfil (keys, checks, NOT NULL) or would set off (triggers) is lifted
    inside the same transaction, so that only the key which the table assigns is tried. For
    rehearsals: it takes locks.

    Args:
        plan: The plan.
        target: The database.

    Returns:
        One problem for each table whose next row gets no key, or not the one after the last.
    """
    problems: list[str] = []
    with target.connect() as connection:
        catalog = read_catalog(connection, quoted(plan.schema))
        for table in plan.tables:
            if table.name in catalog:
                problems += _try(connection, plan, table, catalog[table.name])
            else:
                problems.append(f"{table.name}: the table is not there")
    return Verdict(
        examined=len(plan.tables),
        unit="tables",
        problems=tuple(problems),
        measured={"sequences": sum(table.identity is not None for table in plan.tables)},
    )


def sequences_are_ahead(plan: SchemaPlan, target: Target) -> Verdict:
    """
    Compare sequences with the keys that are there, without writing a row: on a live target.

    Args:
        plan: The plan.
        target: The database.

    Returns:
        One problem for each table whose next key is taken already; tables count as examined.
    """
    problems = []
    with target.connect() as connection:
        for table in plan.tables:
            if table.identity is None:
                continue
            sequence = sequence_of(connection, plan, table)
            key = quoted(table.identity.name)
            row = connection.execute(
                f"SELECT (SELECT max({key}) FROM {relation(plan, table.name)}) >="
                f" (SELECT last_value + is_called::integer FROM {sequence})".encode()
            ).fetchone()
            if row and row[0]:
                problems.append(f"{table.name}: the next key is taken already")
    return Verdict(examined=len(plan.tables), unit="tables", problems=tuple(problems))


def _try(
    connection: psycopg.Connection, plan: SchemaPlan, table: PlannedTable, there: CatalogTable
) -> Iterator[str]:
    import psycopg

    last = last_key(connection, plan, table) if table.identity else 0
    if last == LARGEST_KEY:
        return  # a finding of its own: keys_exhausted
    try:
        with _sequence_restored(connection, plan, table):
            key = _inserted(connection, plan, table, there)
    except psycopg.Error as error:
        yield f"{table.name}: the next insert is refused: {refusal(error)}"
        return
    if table.identity and key != last + 1:
        yield f"{table.name}: the next row gets key {key:,}, expected {last + 1:,}"


def _inserted(
    connection: psycopg.Connection, plan: SchemaPlan, table: PlannedTable, there: CatalogTable
) -> int | None:
    name = relation(plan, table.name)
    with connection.transaction(force_rollback=True):
        for statement in _lifting(plan, table, there):
            connection.execute(statement)
        wanted = quoted(table.identity.name) if table.identity else "1"
        row = connection.execute(f"INSERT INTO {name} DEFAULT VALUES RETURNING {wanted}").fetchone()
    return int(row[0]) if row and row[0] is not None else None


def _lifting(plan: SchemaPlan, table: PlannedTable, there: CatalogTable) -> Iterator[str]:
    name = relation(plan, table.name)
    identity = table.identity.name if table.identity else None
    # A key takes those that refer to it along, also where they are the table's own.
    yield f"ALTER TABLE {name} DISABLE TRIGGER USER"
    for constraint in there.constraints.values():
        if constraint.kind != "p" or identity is None:
            yield f"ALTER TABLE {name} DROP CONSTRAINT IF EXISTS {quoted(constraint.name)} CASCADE"
    for index in there.indexes.values():
        if index.unique:
            yield f"DROP INDEX IF EXISTS {relation(plan, index.name)} CASCADE"
    for column in there.columns:
        if column.not_null and column.name != identity:
            yield f"ALTER TABLE {name} ALTER COLUMN {quoted(column.name)} DROP NOT NULL"


@contextmanager
def _sequence_restored(
    connection: psycopg.Connection, plan: SchemaPlan, table: PlannedTable
) -> Iterator[None]:
    """Put a sequence back where it was: no rollback does that."""
    if table.identity is None:
        yield
        return
    sequence = sequence_of(connection, plan, table)
    before = connection.execute(f"SELECT last_value, is_called FROM {sequence}").fetchone()
    try:
        yield
    finally:
        if before is not None:
            connection.execute("SELECT setval(%s::regclass, %s, %s)", (sequence, *before))
