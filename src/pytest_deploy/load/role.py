"""The role that the app will have: it may read and write rows, and exists only for the test."""

from __future__ import annotations

import json
import os
import platform
from contextlib import contextmanager, suppress
from secrets import token_hex
from typing import TYPE_CHECKING

from pytest_deploy.behaviour.postgres_side import put_back, sequences_kept
from pytest_deploy.schema.identifiers import literal, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_deploy.providers.postgres.base import Connection, Target
    from pytest_deploy.schema.plan import SchemaPlan

_PREFIX = "pytest_deploy_load_"
_OURS = """
    SELECT rolname FROM pg_catalog.pg_roles
    WHERE starts_with(rolname, %s) AND shobj_description(oid, 'pg_authid') = %s
"""


@contextmanager
def app_role(target: Target, plan: SchemaPlan) -> Iterator[str]:
    """
    Make the role, and remove it at the end, whatever happens in between.

    The sequences are put back to where they stood: no rollback of a journey does that.

    Args:
        target: The database.
        plan: The plan of what is in it.

    Yields:
        Its name; empty where we may not make one: then requests are made as who connected.
    """
    import psycopg

    role = f"{_PREFIX}{os.getpid()}_{token_hex(4)}"
    with target.connect(autocommit=True) as connection:
        kept = tuple(sequences_kept(connection, plan))
        _remove_leftovers(connection)
        try:
            _make(connection, role, plan.schema)
        except psycopg.errors.InsufficientPrivilege:
            role = ""
    try:
        yield role
    finally:
        with target.connect(autocommit=True) as connection:
            put_back(connection, kept)
            if role:
                _remove(connection, role)


def _make(connection: Connection, role: str, schema: str) -> None:
    place = quoted(schema)
    grants = (
        f"USAGE ON SCHEMA {place}",
        f"SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {place}",
        f"USAGE, UPDATE ON ALL SEQUENCES IN SCHEMA {place}",
    )
    with connection.transaction():
        connection.execute(f"CREATE ROLE {role} NOLOGIN".encode())
        connection.execute(f"COMMENT ON ROLE {role} IS {literal(_mark())}".encode())
        connection.execute(f"GRANT {role} TO CURRENT_USER".encode())
        for grant in grants:
            connection.execute(f"GRANT {grant} TO {role}".encode())


def _mark() -> str:
    """Say in a comment on whose machine the number in a role's name is that of a process."""
    return "pytest-deploy " + json.dumps({"host": platform.node()})


def _remove_leftovers(connection: Connection) -> None:
    """Remove roles of runs on this machine that were killed; their databases may be gone."""
    import psycopg

    for (role,) in connection.execute(_OURS, (_PREFIX, _mark())).fetchall():
        pid = role.removeprefix(_PREFIX).partition("_")[0]
        if pid.isdecimal() and not _runs(int(pid)):
            # What it may still do in another database is that database's to lose first.
            with suppress(psycopg.Error):
                _remove(connection, role)


def _runs(pid: int) -> bool:
    from pytest_deploy.processes import started_at

    return started_at(pid) is not None


def _remove(connection: Connection, role: str) -> None:
    named = quoted(role)  # one that was found may be called anything
    with connection.transaction():
        # It owns nothing; where somebody gave it a table, that stays.
        connection.execute(f"REASSIGN OWNED BY {named} TO CURRENT_USER".encode())
        connection.execute(f"DROP OWNED BY {named}".encode())
        connection.execute(f"DROP ROLE {named}".encode())
