"""Defects of accounts, and of what members see."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_deploy.schema.ddl import relation
from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.twins.twin import NotApplicable, RedTwin

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg
    import pytest

    from pytest_deploy.config.users import UsersSettings
    from pytest_deploy.schema.plan import SchemaPlan
    from pytest_deploy.transfer.accounts import Accounts

    Change = Callable[[psycopg.Connection, SchemaPlan, UsersSettings], None]

_POLICY = """
SELECT p.polname FROM pg_policy p WHERE p.polrelid = %s::regclass
  AND %s::regrole = ANY(p.polroles) AND p.polcmd = 'r' ORDER BY 1 LIMIT 1
"""


def _on_project(change: Change) -> Callable[[pytest.FixtureRequest, object], None]:
    def plant(request: pytest.FixtureRequest, _value: object) -> None:
        settings = request.getfixturevalue("deploy").settings
        project, accounts = map(request.getfixturevalue, ("supabase", "accounts"))
        if project is None or accounts is None or not accounts.usable:
            raise NotApplicable("nobody signs in")
        with project.database.connect() as connection:
            change(connection, request.getfixturevalue("prepared").plan, settings.auth)

    return plant


def _one(written: str) -> Change:
    """Change the account that comes first."""

    def change(connection: psycopg.Connection, _plan: SchemaPlan, _users: UsersSettings) -> None:
        first = "(SELECT id FROM auth.users ORDER BY id LIMIT 1)"
        connection.execute(f"{written} WHERE id = {first}".encode())

    return change


def _on_table(written: str) -> Change:
    """Change the table of the users."""

    def change(connection: psycopg.Connection, plan: SchemaPlan, users: UsersSettings) -> None:
        table = next(one for one in plan.tables if one.source.name == users.table)
        column = next(one for one in table.columns if one.source.name == users.password_hash)
        statement = written.format(table=relation(plan, table.name), column=quoted(column.name))
        connection.execute(statement.encode())

    return change


def _on_objects(written: str, *, members: bool) -> Callable[[pytest.FixtureRequest, object], None]:
    """Plant a policy of Storage where files are that it is wrong for."""

    def plant(request: pytest.FixtureRequest, _value: object) -> None:
        files = request.getfixturevalue("deploy").settings.storage
        project, manifest = map(request.getfixturevalue, ("supabase", "manifest"))
        if project is None or manifest is None or files is None:
            raise NotApplicable("no file goes to Storage")
        buckets = {name for name, one in files.buckets.items() if not one.public}
        wanted = {name for name in buckets if files.buckets[name].members is members}
        if not any(entry.bucket in wanted for entry in manifest.entries):
            raise NotApplicable(f"no file is {'' if members else 'not '}for members")
        with project.database.connect() as connection:
            connection.execute(f"CREATE POLICY red_twin ON storage.objects {written}".encode())

    return plant


def _wide_for_members(
    connection: psycopg.Connection, plan: SchemaPlan, users: UsersSettings
) -> None:
    if not users.own:
        raise NotApplicable("no table has rows that are a member's own")
    _widen(connection, relation(plan, next(iter(users.own))), "authenticated")


def _wide_for_anybody(
    connection: psycopg.Connection, plan: SchemaPlan, _users: UsersSettings
) -> None:
    for table in plan.tables:
        if _widen(connection, relation(plan, table.name), "anon", missing_ok=True):
            return
    raise NotApplicable("no policy is for anon")


def _widen(
    connection: psycopg.Connection, table: str, role: str, *, missing_ok: bool = False
) -> bool:
    found = connection.execute(_POLICY, (table, role)).fetchone()
    if found is None:
        if missing_ok:
            return False
        raise NotApplicable("no policy decides on these rows")
    connection.execute(f"ALTER POLICY {quoted(found[0])} ON {table} USING (true OR false)".encode())
    return True


def _without_address(_request: pytest.FixtureRequest, accounts: Accounts | None) -> Accounts:
    if accounts is None:
        raise NotApplicable("nobody signs in")
    return replace(accounts, unusable={"no address that mail could reach": 1})


USERS: tuple[RedTwin, ...] = (
    RedTwin(
        gate="accounts_are_valid",
        after="accounts",
        plant=_without_address,
        replaces=True,
        defect="user without an address",
    ),
    RedTwin(
        gate="users_are_whole",
        after="users_created",
        plant=_on_project(_one("DELETE FROM auth.users")),
        defect="user missing",
    ),
    RedTwin(
        gate="users_are_whole",
        after="users_created",
        plant=_on_project(
            _one("UPDATE auth.users SET encrypted_password = reverse(encrypted_password)")
        ),
        defect="user with a wrong hash",
    ),
    RedTwin(
        gate="password_hashes_are_closed",
        after="access_granted",
        plant=_on_project(_on_table("GRANT SELECT ({column}) ON {table} TO authenticated")),
        defect="hashes open to members",
        also=("grants_are_as_stated",),
    ),
    RedTwin(
        gate="access_is_as_stated",
        after="access_granted",
        plant=_on_project(_on_table("GRANT DELETE ON {table} TO authenticated")),
        defect="right of members that nobody stated",
        also=("grants_are_as_stated",),
    ),
    RedTwin(
        gate="canary_sees_what_is_stated",
        after="access_granted",
        plant=_on_project(_wide_for_members),
        defect="policy too wide for another member",
        also=("members_see_what_is_theirs", "grants_are_as_stated"),
    ),
    RedTwin(
        gate="canary_sees_what_is_stated",
        after="access_granted",
        plant=_on_objects("FOR SELECT TO authenticated USING (true)", members=False),
        defect="private files open to members",
    ),
    RedTwin(
        gate="canary_sees_what_is_stated",
        after="access_granted",
        plant=_on_objects("AS RESTRICTIVE FOR SELECT TO authenticated USING (false)", members=True),
        defect="files closed to members",
    ),
    RedTwin(
        gate="members_see_what_is_theirs",
        after="access_granted",
        plant=_on_project(_on_table("ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")),
        defect="row level security off for the users",
        also=("tables_are_guarded",),
    ),
    RedTwin(
        gate="grants_are_as_stated",
        after="access_granted",
        plant=_on_project(_wide_for_anybody),
        defect="policy too wide for anon",
    ),
)
