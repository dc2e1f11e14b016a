"""
The roles of Supabase's API on a Postgres of ours.

Roles belong to a whole server, not to a database: several rehearsals on one server share them, and
the last one takes away what none of them found there.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from pytest_deploy.errors import TargetError
from pytest_deploy.schema.identifiers import literal, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_deploy.providers.postgres.base import Connection, Server

_ATTRIBUTES = {
    "anon": "NOLOGIN",
    "authenticated": "NOLOGIN",
    "service_role": "NOLOGIN BYPASSRLS",
}
_MARK = "made by pytest-deploy for rehearsals"
_IN_USE, _CHANGING = 0x70645F726F6C6573, 0x70645F6368616E67  # keys of advisory locks
_OURS = """
SELECT rolname FROM pg_roles
WHERE rolname = ANY(%s) AND shobj_description(oid, 'pg_authid') = %s
"""


@contextmanager
def api_roles(server: Server) -> Iterator[None]:
    """
    Have the roles on a server for the time of the body; what was made goes with its last user.

    Args:
        server: The server.

    Raises:
        TargetError: Our role may not make them.

    Source: https://supabase.com/docs/guides/database/postgres/roles
    """
    import psycopg

    with server.connect(server.admin_database, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock_shared(%s)", (_IN_USE,))
        with alone(server):
            _make(connection, server)
        try:
            yield
        finally:
            # A session that was idle for the whole run may have been cut: the next run does it.
            with suppress(psycopg.Error):
                _drop_unused(connection)


@contextmanager
def alone(server: Server) -> Iterator[None]:
    """
    Let nobody else of ours change roles on a server meanwhile: Postgres would refuse one of both.

    Args:
        server: The server.
    """
    with server.connect(server.admin_database, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (_CHANGING,))
        yield


def _make(connection: Connection, server: Server) -> None:
    import psycopg

    found = connection.execute(
        "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", (list(_ATTRIBUTES),)
    ).fetchall()
    try:
        for name, attributes in _ATTRIBUTES.items():
            if (name,) not in found:
                connection.execute(f"CREATE ROLE {quoted(name)} {attributes}".encode())
                mark = literal(_MARK)
                connection.execute(f"COMMENT ON ROLE {quoted(name)} IS {mark}".encode())
    except psycopg.errors.InsufficientPrivilege:
        raise TargetError(
            f"server {server.url(server.admin_database)}",
            problem="expected the roles anon, authenticated and service_role, or to be allowed to"
            " make them; seen neither",
            where="the option --postgres",
            remedy="rehearse on --postgres embedded, or as a superuser of that server",
        ) from None


def _drop_unused(connection: Connection) -> None:
    import psycopg

    connection.execute("SELECT pg_advisory_unlock_shared(%s)", (_IN_USE,))
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", (_IN_USE,)).fetchone()
    if row is None or not row[0]:
        return
    for (name,) in connection.execute(_OURS, (list(_ATTRIBUTES), _MARK)).fetchall():
        # Who was granted something with it meanwhile keeps it.
        with suppress(psycopg.errors.DependentObjectsStillExist):
            connection.execute(f"DROP ROLE {quoted(name)}".encode())
