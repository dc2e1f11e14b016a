"""Defects of a release on Supabase: in staging, in its place, and in what the API shows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_deploy.schema.ddl import relation
from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.secrets import Secret
from pytest_deploy.twins.twin import NotApplicable, RedTwin

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from pytest_deploy.schema.history import Migration
    from pytest_deploy.schema.plan import PlannedTable, SchemaPlan
    from pytest_deploy.twins.twin import Plant

_TOO_FEW = 3  # connections


def _on_project(written: Callable[[SchemaPlan], str], *, staged: bool = False) -> Plant:
    """Plant by a statement that is written for the plan, in staging or in its final schema."""

    def plant(request: pytest.FixtureRequest, _value: Any) -> None:  # noqa: ANN401 - any fixture's
        project = request.getfixturevalue("supabase")
        if project is None:
            raise NotApplicable("the app does not go to Supabase")
        plan = request.getfixturevalue("staged" if staged else "prepared").plan
        with project.database.connect() as connection:
            connection.execute(written(plan).encode())

    return plant


def _filled(plan: SchemaPlan) -> PlannedTable:
    """Take a table that nothing refers to, so that a row can go."""
    parents = {key.parent for table in plan.tables for key in table.foreign_keys}
    found = next((one for one in plan.tables if one.name not in parents), None)
    if found is None:
        raise NotApplicable("every table is referred to")
    return found


def _first(plan: SchemaPlan) -> str:
    return relation(plan, plan.tables[0].name)


def _row_lost(plan: SchemaPlan) -> str:
    name = relation(plan, _filled(plan).name)
    return f"DELETE FROM {name} WHERE ctid = (SELECT min(ctid) FROM {name})"


def _cell_changed(plan: SchemaPlan) -> str:
    for table in plan.tables:
        keys = {name for key in (table.primary_key, *table.uniques) if key for name in key.columns}
        for column in table.written:
            if column.type.sql == "text" and column.name not in keys and not column.not_null:
                name = relation(plan, table.name)
                return (
                    f"UPDATE {name} SET {quoted(column.name)} = 'otra'"
                    f" WHERE ctid = (SELECT min(ctid) FROM {name})"
                )
    raise NotApplicable("no table has a text that may be anything")


def _secret_key_revoked(_request: pytest.FixtureRequest, project: Any) -> Any:  # noqa: ANN401 - any fixture's
    if project is None:
        raise NotApplicable("the app does not go to Supabase")
    return replace(project, secret_key=Secret("sb_secret_revoked"))


def _migration_forgotten(request: pytest.FixtureRequest, migration: Migration | None) -> None:
    project = request.getfixturevalue("supabase")
    if migration is None or project is None:
        raise NotApplicable("the CLI's migrations are not used")
    with project.database.connect() as connection:
        connection.execute("DELETE FROM supabase_migrations.schema_migrations")


def _migration_of_another_schema(
    _request: pytest.FixtureRequest, migration: Migration | None
) -> Migration:
    if migration is None:
        raise NotApplicable("the CLI's migrations are not used")
    return replace(migration, text=f"{migration.text}CREATE TABLE sobrante (id integer);\n")


def _connections_limited(_request: pytest.FixtureRequest, project: Any) -> None:  # noqa: ANN401
    if project is None:
        raise NotApplicable("the app does not go to Supabase")
    name = quoted(project.database.database)
    with project.database.connect() as connection:
        connection.execute(f"ALTER DATABASE {name} CONNECTION LIMIT {_TOO_FEW}".encode())


def _lock_left(_request: pytest.FixtureRequest, project: Any) -> None:  # noqa: ANN401
    if project is None:
        raise NotApplicable("the app does not go to Supabase")
    from pytest_deploy.providers.postgres.lease import look, take

    dead = replace(project.database, run="r-0")
    take(dead, look(dead))
    with project.database.connect() as connection:
        connection.execute("UPDATE deploy.lease SET host = 'elsewhere'")


RELEASE: tuple[RedTwin, ...] = (
    RedTwin("target_is_free", "supabase", _lock_left, defect="lock left behind"),
    RedTwin(
        gate="target_is_ready",
        after="supabase",
        plant=_connections_limited,
        defect="budget of connections too small",
    ),
    RedTwin(
        gate="target_is_ready",
        after="supabase",
        plant=_secret_key_revoked,
        replaces=True,
        defect="secret key revoked",
    ),
    RedTwin(
        gate="nothing_of_others_is_there",
        after="staged",
        plant=_on_project(lambda plan: f"CREATE TABLE {_first(plan)} (theirs integer)"),
        defect="table of somebody else",
    ),
    RedTwin(
        gate="staged_rows_agree",
        after="staging_filled",
        plant=_on_project(_row_lost, staged=True),
        defect="row lost in staging",
    ),
    RedTwin(
        gate="staged_cells_match",
        after="staging_filled",
        plant=_on_project(_cell_changed, staged=True),
        defect="cell changed in staging",
    ),
    RedTwin(
        gate="release_is_complete",
        after="access_granted",
        plant=_on_project(lambda plan: f"ALTER TABLE {_first(plan)} ADD COLUMN sobrante integer"),
        defect="column that nobody planned",
    ),
    RedTwin(
        gate="tables_are_guarded",
        after="access_granted",
        plant=_on_project(lambda plan: f"ALTER TABLE {_first(plan)} DISABLE ROW LEVEL SECURITY"),
        defect="row level security off",
    ),
    RedTwin(
        gate="grants_are_as_stated",
        after="access_granted",
        plant=_on_project(lambda plan: f"REVOKE SELECT ON {_first(plan)} FROM service_role"),
        defect="grant missing",
        also=("api_shows_what_is_stated",),
    ),
    RedTwin(
        gate="grants_are_as_stated",
        after="access_granted",
        plant=_on_project(lambda plan: f"GRANT INSERT ON {_first(plan)} TO anon"),
        defect="grant that nobody stated",
    ),
    RedTwin(
        gate="grants_are_as_stated",
        after="access_granted",
        plant=_on_project(
            lambda plan: f"CREATE POLICY todo ON {_first(plan)} FOR SELECT TO anon USING (true)"
        ),
        defect="policy that is in no file",
    ),
    RedTwin(
        gate="programs_are_safe",
        after="access_granted",
        plant=_on_project(
            lambda plan: f"CREATE VIEW public.todo_a_la_vista AS SELECT * FROM {_first(plan)}"
        ),
        defect="view with its owner's rights",
    ),
    RedTwin(
        gate="programs_are_safe",
        after="access_granted",
        plant=_on_project(
            lambda _plan: (
                "CREATE FUNCTION public.sin_camino() RETURNS integer LANGUAGE sql AS 'SELECT 1'"
            )
        ),
        defect="function without a search path",
    ),
    RedTwin(
        gate="api_shows_what_is_stated",
        after="access_granted",
        plant=_on_project(
            lambda plan: (
                f"GRANT SELECT ON ALL TABLES IN SCHEMA {quoted(plan.schema)} TO anon, service_role"
            )
        ),
        defect="everything open to anon",
        also=("grants_are_as_stated",),
    ),
    RedTwin(
        gate="migration_is_recorded",
        after="migration_recorded",
        plant=_migration_forgotten,
        defect="migration that the CLI does not know as applied",
    ),
    RedTwin(
        gate="migration_is_recorded",
        after="migration",
        plant=_migration_of_another_schema,
        replaces=True,
        defect="migration of another schema",
    ),
    RedTwin(
        gate="way_back_is_given_up",
        after="release_completed",
        plant=_on_project(
            lambda _plan: (
                "INSERT INTO deploy.undo (release, step, statement)"
                " SELECT id, 'grant_access', 'SELECT 1' FROM deploy.releases"
            )
        ),
        defect="way back that is kept",
    ),
)
