"""The step that creates the tables, without constraints: rows come first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.engine.locks import Lock, LockMode
from pytest_deploy.engine.step import Description
from pytest_deploy.schema.ddl import create_table, joined, relation, routines
from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.steps.database import DatabaseStep, seen
from pytest_deploy.transfer.staging import STAGING

if TYPE_CHECKING:
    import psycopg

    from pytest_deploy.engine.step import Observed, Result


class CreateSchema(DatabaseStep):
    """Creates every table with its columns, NOT NULL, defaults and identity."""

    name = "create_schema"

    def describe(self) -> Description:
        """See `Step`."""
        return Description(
            does="creates the tables, empty, with NOT NULL, defaults and identity",
            way_back="drops these tables, and the functions that they use",
            locks=(
                Lock(LockMode.ACCESS_EXCLUSIVE, "the tables that it makes, which nobody sees yet"),
            ),
            stops_for="a table of the same name that stands there already",
        )

    def _observe(self, connection: psycopg.Connection) -> Observed:
        row = connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = %s AND tablename = ANY(%s)",
            (self.plan.schema, [table.name for table in self.plan.tables]),
        ).fetchone()
        return seen(int(row[0]) if row else 0, len(self.plan.tables))

    def _apply(self, connection: psycopg.Connection) -> Result:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(self.plan.schema)}")
        for routine in routines(self.plan):
            connection.execute(routine.sql)
        connection.execute(joined(create_table(self.plan, table) for table in self.plan.tables))
        return {"tables": len(self.plan.tables)}

    def _compensate(self, connection: psycopg.Connection) -> None:
        connection.execute(
            joined(
                f"DROP TABLE IF EXISTS {relation(self.plan, table.name)} CASCADE"
                for table in self.plan.tables
            )
        )
        for routine in self.plan.routines:
            name = relation(self.plan, routine.name)
            connection.execute(f"DROP FUNCTION IF EXISTS {name}({routine.arguments})")
        if self.plan.schema == STAGING:
            connection.execute(f"DROP SCHEMA IF EXISTS {quoted(STAGING)} CASCADE".encode())
