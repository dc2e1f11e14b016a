"""The keys that Postgres assigns: where they count on from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.schema.ddl import relation
from pytest_deploy.schema.identifiers import literal, quoted

if TYPE_CHECKING:
    import psycopg

    from pytest_deploy.schema.plan import PlannedTable, SchemaPlan

LARGEST_KEY = 2**63 - 1


def sequence_of(connection: psycopg.Connection, plan: SchemaPlan, table: PlannedTable) -> str:
    """
    Find the sequence of a table's identity column.

    Args:
        connection: To the target.
        plan: The plan.
        table: A table with an identity column.

    Returns:
        Its qualified name, quoted.
    """
    assert table.identity is not None
    name, column = relation(plan, table.name), table.identity.name
    row = connection.execute(
        f"SELECT pg_get_serial_sequence({literal(name)}, {literal(column)})"
    ).fetchone()
    return str(row[0]) if row else ""


def last_key(connection: psycopg.Connection, plan: SchemaPlan, table: PlannedTable) -> int:
    """
    Give the key after which SQLite would go on counting.

    Args:
        connection: To the target.
        plan: The plan.
        table: A table with an identity column.

    Returns:
        The larger of the largest key and what `sqlite_sequence` says; 0 where both are none.

    Source: https://www.sqlite.org/autoinc.html
    """
    assert table.identity is not None
    column = quoted(table.identity.name)
    row = connection.execute(f"SELECT max({column}) FROM {relation(plan, table.name)}").fetchone()
    largest = int(row[0]) if row and row[0] is not None else 0
    return min(max(largest, table.source.last_sequence, 0), LARGEST_KEY)
