"""Does the target have what the plan says, and does the plan say all that the source does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.gates.verdict import Verdict
from pytest_deploy.schema.catalog import read_catalog, read_definitions
from pytest_deploy.schema.diff import differences, unaccounted
from pytest_deploy.schema.identifiers import quoted

if TYPE_CHECKING:
    from pytest_deploy.findings import Finding
    from pytest_deploy.providers.postgres.base import Target
    from pytest_deploy.schema.plan import SchemaPlan


def schema_is_complete(plan: SchemaPlan, target: Target, given_up: tuple[str, ...] = ()) -> Verdict:
    """
    Compare Postgres' catalogue with the plan.

    Args:
        plan: The plan.
        target: The database.
        given_up: Names of constraints that Postgres refused: each has a finding of its own.

    Returns:
        One problem for each difference.
    """
    with target.connect() as connection:
        catalog = read_catalog(connection, quoted(plan.schema))
        definitions = read_definitions(connection, plan.schema)
    columns = sum(len(table.columns) for table in catalog.values())
    return Verdict(
        examined=columns,
        unit="columns",
        problems=tuple(differences(plan, catalog, definitions, without=frozenset(given_up))),
        measured={
            "tables": len(catalog),
            "constraints": sum(len(table.constraints) for table in catalog.values()),
            "indexes": sum(len(table.indexes) for table in catalog.values()),
            "definitions": len(definitions),
        },
    )


def nothing_is_lost_silently(plan: SchemaPlan, findings: tuple[Finding, ...]) -> Verdict:
    """
    Look every object of the source up in the plan and in the findings.

    Args:
        plan: The plan.
        findings: All findings.

    Returns:
        One problem for each object that neither names.
    """
    schema = plan.source
    objects = len(schema.views) + len(schema.triggers) + len(schema.virtual_tables)
    for table in schema.tables:
        objects += 1 + len(table.columns) + len(table.indexes)
        objects += len(table.foreign_keys) + len(table.checks)
    return Verdict(objects, "objects", tuple(unaccounted(plan, findings)))
