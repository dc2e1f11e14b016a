"""The step that tells the Supabase CLI that its migration of the schema is applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.engine.locks import Lock, LockMode
from pytest_deploy.engine.step import Description, Observed
from pytest_deploy.schema.history import recorded
from pytest_deploy.schema.identifiers import literal
from pytest_deploy.steps.database import TargetStep
from pytest_deploy.steps.undo import Undo

if TYPE_CHECKING:
    import psycopg

    from pytest_deploy.engine.step import Result
    from pytest_deploy.providers.postgres.base import Target
    from pytest_deploy.schema.history import Migration

_SCHEMA = "CREATE SCHEMA IF NOT EXISTS supabase_migrations"
# As the CLI makes it where there is none.
# Source: https://github.com/supabase/cli/blob/main/pkg/migration/history.go
_TABLE = """
CREATE TABLE supabase_migrations.schema_migrations (
    version text NOT NULL PRIMARY KEY, statements text[], name text
)
"""
_INSERT = """
INSERT INTO supabase_migrations.schema_migrations (version, statements, name) VALUES (%s, %s, %s)
"""


class RecordMigration(TargetStep):
    """
    Writes the migration into the history that `supabase migration list` compares with its files.

    Args:
        target: The database.
        release: The release's id.
        migration: The migration that makes the schema of the plan.
    """

    name = "record_migration"

    def __init__(self, target: Target, release: str, migration: Migration) -> None:
        super().__init__(target, release)
        self._migration = migration

    def describe(self) -> Description:
        """See `Step`."""
        return Description(
            does=f"records migration {self._migration.version} as applied",
            way_back="takes the record away again, where it made it",
            locks=(
                Lock(LockMode.ACCESS_EXCLUSIVE, "the history of migrations, where it makes it"),
            ),
        )

    def complete(self) -> None:
        """Give up the way back."""

        def forget(connection: psycopg.Connection) -> Result:
            Undo(connection, self._release, self.name).forget()
            return {}

        self._in_transaction("completed", forget)

    def _observe(self, connection: psycopg.Connection) -> Observed:
        there = self._migration.version in recorded(connection)
        return Observed.DONE if there else Observed.NOTHING

    def _apply(self, connection: psycopg.Connection) -> Result:
        undo, one = Undo(connection, self._release, self.name), self._migration
        undo.begin()
        there = recorded(connection)
        if one.version in there:
            return {"recorded": 0}
        self._make_table(connection, undo)
        undo.note(
            "DELETE FROM supabase_migrations.schema_migrations"
            f" WHERE version = {literal(one.version)}"
        )
        connection.execute(_INSERT, (one.version, [one.text], one.name))
        return {"recorded": 1}

    def _compensate(self, connection: psycopg.Connection) -> None:
        Undo(connection, self._release, self.name).run()

    @staticmethod
    def _make_table(connection: psycopg.Connection, undo: Undo) -> None:
        row = connection.execute(
            "SELECT to_regnamespace('supabase_migrations') IS NULL,"
            " to_regclass('supabase_migrations.schema_migrations') IS NULL"
        ).fetchone()
        no_schema, no_table = row or (True, True)
        if no_schema:
            undo.do(_SCHEMA, "DROP SCHEMA IF EXISTS supabase_migrations")
        if no_table:
            undo.do(_TABLE, "DROP TABLE IF EXISTS supabase_migrations.schema_migrations")
