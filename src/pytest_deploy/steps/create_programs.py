"""The step that makes what runs by itself, once rows and constraints are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.engine.locks import Lock, LockMode
from pytest_deploy.engine.step import Description
from pytest_deploy.schema.ddl import programs, relation
from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.steps.database import DatabaseStep, seen

if TYPE_CHECKING:
    import psycopg

    from pytest_deploy.engine.step import Observed, Result

_PRESENT = """
SELECT
    (SELECT count(*) FROM pg_views
     WHERE schemaname = %(name)s AND viewname = ANY(%(views)s))
    + (SELECT count(*) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
       WHERE c.relnamespace = to_regnamespace(%(schema)s) AND NOT t.tgisinternal
         AND (c.relname, t.tgname) IN (SELECT * FROM unnest(%(on)s::text[], %(triggers)s::text[])))
"""


class CreatePrograms(DatabaseStep):
    """Makes views, and triggers with their functions: none may run while rows are copied."""

    name = "create_programs"

    def describe(self) -> Description:
        """See `Step`."""
        return Description(
            does="creates views, and triggers with their functions",
            way_back="drops these triggers, functions and views",
            locks=(
                Lock(LockMode.ACCESS_EXCLUSIVE, "the views that it makes, which nobody sees yet"),
                Lock(LockMode.SHARE_ROW_EXCLUSIVE, "each table that gets a trigger"),
            ),
            stops_for="a view of the same name that stands there already",
        )

    def _observe(self, connection: psycopg.Connection) -> Observed:
        plan = self.plan
        names = {
            "schema": quoted(plan.schema),
            "name": plan.schema,
            "views": [view.name for view in plan.views],
            "on": [trigger.relation for trigger in plan.triggers],
            "triggers": [trigger.name for trigger in plan.triggers],
        }
        row = connection.execute(_PRESENT, names).fetchone()
        return seen(int(row[0]) if row else 0, len(plan.views) + len(plan.triggers))

    def _apply(self, connection: psycopg.Connection) -> Result:
        for statement in programs(self.plan):
            connection.execute(statement.sql)
        return {"views": len(self.plan.views), "triggers": len(self.plan.triggers)}

    def _compensate(self, connection: psycopg.Connection) -> None:
        for trigger in self.plan.triggers:
            function = relation(self.plan, trigger.function.name)
            connection.execute(f"DROP FUNCTION IF EXISTS {function}() CASCADE")
        for view in reversed(self.plan.views):
            connection.execute(f"DROP VIEW IF EXISTS {relation(self.plan, view.name)} CASCADE")
