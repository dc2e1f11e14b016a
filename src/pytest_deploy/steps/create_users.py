"""The step that gives the app's users their accounts: with their hashes, and exactly undoable."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from pytest_deploy.engine.step import Description, Observed
from pytest_deploy.errors import StepError
from pytest_deploy.providers.postgres.lease import changing, fenced
from pytest_deploy.providers.supabase.accounts import delete, insert_wanted, want
from pytest_deploy.providers.supabase.auth import AccountTakenError, Admin
from pytest_deploy.providers.supabase.http import http_client
from pytest_deploy.steps.service import ServiceStep

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

    from pytest_deploy.engine.step import Result
    from pytest_deploy.providers.supabase.auth import Account
    from pytest_deploy.providers.supabase.base import Supabase

_RUNBOOK = "runbooks/users.md"
_SIDE_BY_SIDE = 8
_CREATE = """
CREATE TABLE IF NOT EXISTS deploy.accounts (
    release text NOT NULL,
    id uuid NOT NULL,
    state text NOT NULL CHECK (state IN ('planned', 'made', 'found', 'complete')),
    PRIMARY KEY (release, id)
);
REVOKE ALL ON deploy.accounts FROM PUBLIC;
"""
_FOUND = """
SELECT w.id FROM deploy_wanted w JOIN auth.users u ON u.id = w.id
WHERE lower(u.email) = w.email AND u.encrypted_password = w.hash
"""
_OTHERS = """
SELECT count(*) FROM deploy_wanted w JOIN auth.users u ON u.id = w.id OR lower(u.email) = w.email
WHERE (u.id, lower(u.email), u.encrypted_password) IS DISTINCT FROM (w.id, w.email, w.hash)
"""


class CreateUsers(ServiceStep):
    """
    Makes an account for every user: by the Auth Admin API, or by SQL where a server has none.

    Args:
        project: The project.
        release: The release's id.
        accounts: The users.
    """

    name = "create_users"

    def __init__(self, project: Supabase, release: str, accounts: Sequence[Account]) -> None:
        super().__init__(project, release)
        self._accounts = tuple(accounts)

    def describe(self) -> Description:
        """See `Step`."""
        return Description(
            does="makes an account in Auth for every user of the app, with the hash that it has",
            way_back="removes the accounts that it made; what was there before stays",
            stops_for=f"an account of somebody else with the same address: see {_RUNBOOK}",
        )

    def observe(self) -> Observed:
        """See `Step`; what was begun is gone on with, so that half of it is nothing to undo."""
        with self.project.database.connect() as connection:
            there = _noted(connection, self._release, ("made", "found", "complete"))
        wanted = {str(account.id) for account in self._accounts}
        return Observed.DONE if there and there == wanted else Observed.NOTHING

    def _apply(self) -> Result:
        with self.project.database.connect(autocommit=True) as connection:
            connection.execute(_CREATE)
            with fenced(connection):
                want(connection, self._accounts)
                found = [row[0] for row in connection.execute(_FOUND)]
                self._refuse_others(connection)
                before = _noted(connection, self._release, ("planned", "made"))
                theirs = [one for one in found if str(one) not in before]
                _note(connection, self._release, theirs, "found")
                _note(connection, self._release, [one.id for one in self._accounts], "planned")
            made = self._make(connection, {str(one) for one in found})
            with fenced(connection):
                connection.execute(
                    "UPDATE deploy.accounts SET state = 'made'"
                    " WHERE release = %s AND state = 'planned'",
                    (self._release,),
                )
        return {"accounts": len(self._accounts), "made": made}

    def _make(self, connection: psycopg.Connection, found: set[str]) -> int:
        todo = [account for account in self._accounts if str(account.id) not in found]
        with http_client(_SIDE_BY_SIDE) as http:
            admin = Admin(self.project, http)
            if admin.is_there():
                self._ask_for(admin, todo)
                return len(todo)
        with fenced(connection):
            want(connection, todo)
            insert_wanted(connection)
        return len(todo)

    @staticmethod
    def _ask_for(admin: Admin, todo: Sequence[Account]) -> None:
        try:
            with ThreadPoolExecutor(_SIDE_BY_SIDE) as threads:
                list(threads.map(admin.create, todo))
        except AccountTakenError:
            raise _taken(1) from None

    def _refuse_others(self, connection: psycopg.Connection) -> None:
        row = connection.execute(_OTHERS).fetchone()
        if row and row[0]:
            raise _taken(row[0])

    def _compensate(self) -> None:
        undo_users(self.project, self._release)

    def _complete(self) -> None:
        complete_users(self.project, self._release)


def undo_users(project: Supabase, release: str) -> None:
    """
    Remove the accounts that a release has made; the target knows which.

    Args:
        project: The project.
        release: The release's id.

    Raises:
        TargetError: Auth refuses.
    """
    with (
        project.database.connect(autocommit=True) as connection,
        http_client(_SIDE_BY_SIDE) as http,
    ):
        ours = sorted(_noted(connection, release, ("planned", "made")))
        if ours:
            # A crash may leave any of them: none counts as made from now on.
            connection.execute(
                "UPDATE deploy.accounts SET state = 'planned'"
                " WHERE release = %s AND state = 'made'",
                (release,),
            )
        admin = Admin(project, http)
        if ours and admin.is_there():
            with ThreadPoolExecutor(_SIDE_BY_SIDE) as threads:
                list(threads.map(admin.remove, ours))
        elif ours:
            delete(connection, ours)
        if _is_there(connection):
            connection.execute("DELETE FROM deploy.accounts WHERE release = %s", (release,))


def complete_users(project: Supabase, release: str) -> None:
    """
    Give up the way back of a release's accounts.

    Args:
        project: The project.
        release: The release's id.
    """
    with changing(project.database) as connection:
        if _is_there(connection):
            connection.execute(
                "UPDATE deploy.accounts SET state = 'complete'"
                " WHERE release = %s AND state = 'made'",
                (release,),
            )


def _note(
    connection: psycopg.Connection, release: str, accounts: Sequence[object], state: str
) -> None:
    connection.execute(
        "INSERT INTO deploy.accounts (release, id, state)"
        " SELECT %s, id, %s FROM unnest(%s::uuid[]) AS id ON CONFLICT DO NOTHING",
        (release, state, list(accounts)),
    )


def _noted(connection: psycopg.Connection, release: str, states: tuple[str, ...]) -> set[str]:
    if not _is_there(connection):
        return set()
    rows = connection.execute(
        "SELECT id::text FROM deploy.accounts WHERE release = %s AND state = ANY(%s)",
        (release, list(states)),
    )
    return {row[0] for row in rows}


def _is_there(connection: psycopg.Connection) -> bool:
    row = connection.execute("SELECT to_regclass('deploy.accounts') IS NOT NULL").fetchone()
    return bool(row and row[0])


def _taken(count: int) -> StepError:
    return StepError(
        "step 'create_users'",
        problem=f"expected no account of somebody else with an address of the app, seen {count:,}",
        where="Auth of the project",
        remedy=f"remove these accounts, or give the users other addresses; see {_RUNBOOK}",
    )
