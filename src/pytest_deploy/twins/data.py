"""Defects against the app's own rules: a value outside its set, a table without its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.schema.kinds import Kind
from pytest_deploy.twins.places import leaves_first
from pytest_deploy.twins.statements import on_target
from pytest_deploy.twins.twin import NotApplicable, RedTwin

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import psycopg
    import pytest

    from pytest_deploy.schema.plan import PlannedColumn, PlannedTable, SchemaPlan
    from pytest_deploy.transfer.planning import Prepared
    from pytest_deploy.twins.twin import Plant
    from pytest_deploy.validation.suites import Suite

    OnRules = Callable[[psycopg.Connection, Prepared, Sequence[Suite]], None]

_COPIED = "rows_copied"
_IN_SET = "expect_column_values_to_be_in_set"
_ROLES = ("rol", "role")


def _by_rules(change: OnRules) -> Plant:
    """Plant a defect that the suites of the app have a rule against."""

    def plant(request: pytest.FixtureRequest, value: object) -> None:
        suites = request.getfixturevalue("data_rules")
        if not suites:
            raise NotApplicable("the app gave no suites: see expectations/")
        on_target(lambda connection, prepared: change(connection, prepared, suites))(request, value)

    return plant


def _outside(connection: psycopg.Connection, prepared: Prepared, suites: Sequence[Suite]) -> None:
    for table, column in _with_sets(prepared.plan, suites):
        relation = prepared.transfer.relation(table)
        changed = connection.execute(
            f"UPDATE {relation} SET {quoted(column.name)} = 'planted by a red twin'"
            f" WHERE ctid = (SELECT min(ctid) FROM {relation})"
        )
        if changed.rowcount:
            return
    raise NotApplicable("no suite names a set for the texts of a column")


def _with_sets(
    plan: SchemaPlan, suites: Sequence[Suite]
) -> list[tuple[PlannedTable, PlannedColumn]]:
    """List the columns of texts that have a set, a role's before others."""
    sets = {
        (suite.table.lower(), str(rule.kwargs.get("column", "")).lower())
        for suite in suites
        for rule in suite.rules
        if rule.type == _IN_SET
    }
    found = [
        (table, column)
        for table in plan.tables
        for column in table.written
        if (table.name.lower(), column.name.lower()) in sets and column.type.kind is Kind.TEXT
    ]
    return sorted(found, key=lambda pair: pair[1].name.lower() not in _ROLES)


def _emptied(connection: psycopg.Connection, prepared: Prepared, suites: Sequence[Suite]) -> None:
    bounded = {suite.table.lower() for suite in suites if suite.volume and suite.volume.least}
    for table in leaves_first(prepared.plan):
        relation = prepared.transfer.relation(table)
        emptied = table.name.lower() in bounded and connection.execute(f"DELETE FROM {relation}")
        if emptied and emptied.rowcount:
            return
    raise NotApplicable("no suite asks for the rows of a table that has any")


DATA = (
    RedTwin(
        "expectations_hold",
        _COPIED,
        _by_rules(_outside),
        defect="role value outside the set",
    ),
    RedTwin("volumes_are_within_bounds", _COPIED, _by_rules(_emptied), defect="empty table"),
)
