"""Does every row refer to a row that is there, asked of the rows and not of the constraint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.gates.verdict import Verdict
from pytest_deploy.schema.ddl import relation
from pytest_deploy.schema.identifiers import quoted

if TYPE_CHECKING:
    import psycopg

    from pytest_deploy.providers.postgres.base import Target
    from pytest_deploy.schema.plan import PlannedForeignKey, PlannedTable, SchemaPlan


def references_hold(plan: SchemaPlan, target: Target, given_up: tuple[str, ...] = ()) -> Verdict:
    """
    Count orphans in Postgres for every foreign key that is not kept as NOT VALID.

    Args:
        plan: The plan.
        target: The database.
        given_up: Names of constraints that Postgres refused: each has a finding of its own.

    Returns:
        One problem for each foreign key with orphans; tables count as examined.
    """
    problems, keys = [], 0
    with target.connect() as connection:
        for table in plan.tables:
            for key in table.foreign_keys:
                keys += 1
                promised = key.validated and key.name not in given_up
                orphans = _orphans(connection, plan, table, key) if promised else 0
                if orphans:
                    problems.append(f"{key.name} of {table.name}: {orphans:,} orphans")
    return Verdict(
        examined=len(plan.tables),
        unit="tables",
        problems=tuple(problems),
        measured={"foreign_keys": keys},
    )


def _orphans(
    connection: psycopg.Connection, plan: SchemaPlan, table: PlannedTable, key: PlannedForeignKey
) -> int:
    pairs = zip(key.columns, key.parent_columns, strict=True)
    same = " AND ".join(f"c.{quoted(here)} = p.{quoted(above)}" for here, above in pairs)
    present = " AND ".join(f"c.{quoted(column)} IS NOT NULL" for column in key.columns)
    row = connection.execute(
        f"SELECT count(*) FROM {relation(plan, table.name)} AS c WHERE {present} AND NOT EXISTS"
        f" (SELECT FROM {relation(plan, key.parent)} AS p WHERE {same})"
    ).fetchone()
    return int(row[0]) if row else 0
