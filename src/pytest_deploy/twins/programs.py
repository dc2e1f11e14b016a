"""Defects of views, triggers and rights, planted once everything stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.schema.ddl import relation
from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.twins.statements import on_target
from pytest_deploy.twins.twin import NotApplicable, RedTwin

if TYPE_CHECKING:
    import psycopg
    import pytest

    from pytest_deploy.schema.plan import PlannedTrigger, SchemaPlan
    from pytest_deploy.transfer.planning import Prepared

_CREATED = "programs_created"
_COMPLETE = "schema_is_complete"
_MAY_MAKE_ROLES = """
SELECT 1 FROM pg_roles WHERE rolname = current_user AND (rolsuper OR rolcreaterole)
"""


def _view_filters(connection: psycopg.Connection, prepared: Prepared) -> None:
    for view in prepared.plan.views:
        name = relation(prepared.plan, view.name)
        if connection.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchone() is None:
            continue
        row = connection.execute(
            "SELECT rtrim(pg_get_viewdef(%s::regclass), '; ')", (name,)
        ).fetchone()
        connection.execute(
            f"CREATE OR REPLACE VIEW {name} WITH (security_invoker = on) AS"
            f" SELECT * FROM ({row[0] if row else ''}) AS shown OFFSET 1"
        )
        return
    raise NotApplicable("the source has no view that shows a row")


def _on_trigger(statement: str) -> RedTwin:
    """Take a trigger out of use."""
    verb = "missing" if statement.startswith("DROP") else "disabled"

    def change(connection: psycopg.Connection, prepared: Prepared) -> None:
        plan = prepared.plan
        trigger = _trigger(plan)
        on = relation(plan, trigger.relation)
        connection.execute(statement.format(trigger=quoted(trigger.name), relation=on))

    return RedTwin(_COMPLETE, _CREATED, on_target(change), defect=f"trigger {verb}")


def _trigger(plan: SchemaPlan) -> PlannedTrigger:
    """Find a trigger, one on a table where there is any: only those can be disabled alone."""
    tables = {table.name for table in plan.tables}
    found = sorted(plan.triggers, key=lambda trigger: trigger.relation not in tables)
    if not found:
        raise NotApplicable("the source has no trigger")
    return found[0]


def _does_nothing(connection: psycopg.Connection, prepared: Prepared) -> None:
    name = relation(prepared.plan, _trigger(prepared.plan).function.name)
    connection.execute(
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql"
        " SET search_path = '' AS $$ BEGIN RETURN NULL; END $$"
    )


def _rows_hidden(request: pytest.FixtureRequest, value: object) -> None:
    if not request.getfixturevalue("app_queries"):
        raise NotApplicable("the app gave no statements: see [behaviour] queries")
    on_target(_hide_rows)(request, value)


def _hide_rows(connection: psycopg.Connection, prepared: Prepared) -> None:
    """Switch row level security on, and say nobody may see a row: an owner sees them still."""
    if connection.execute(_MAY_MAKE_ROLES).fetchone() is None:
        raise NotApplicable("this user may make no role like the app's: it tries as the owner")
    for table in prepared.plan.tables:
        name = relation(prepared.plan, table.name)
        connection.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")


PROGRAMS = (
    RedTwin(
        "views_show_the_same",
        _CREATED,
        on_target(_view_filters),
        defect="view filtering one row",
        also=(_COMPLETE,),
    ),
    _on_trigger("DROP TRIGGER {trigger} ON {relation}"),
    _on_trigger("ALTER TABLE {relation} DISABLE TRIGGER {trigger}"),
    RedTwin(_COMPLETE, _CREATED, on_target(_does_nothing), defect="trigger that does nothing"),
    RedTwin(
        "queries_come_to_the_same",
        _CREATED,
        _rows_hidden,
        defect="row level security without a policy",
        also=("writes_behave_alike",),
    ),
)
