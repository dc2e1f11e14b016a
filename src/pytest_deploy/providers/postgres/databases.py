"""A database of our own on a server: made empty, marked as ours, dropped at the end."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from pytest_deploy.errors import TargetError
from pytest_deploy.providers.postgres import refusals
from pytest_deploy.providers.postgres.base import Target
from pytest_deploy.schema.identifiers import fitted, literal, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_deploy.providers.postgres.base import Connection, Server

_PREFIX = "pytest_deploy_"
_MARK = "pytest-deploy "
_OURS = """
    SELECT datname, shobj_description(oid, 'pg_database')
    FROM pg_catalog.pg_database
    WHERE starts_with(datname, %s) AND starts_with(shobj_description(oid, 'pg_database'), %s)
"""


@dataclass(frozen=True)
class _Mark:
    """
    The comment on a database of ours: who made it, and whether it may be dropped.

    Advisory locks belong to one database, so a lock is only telling to who looks from the same.
    """

    release: str
    host: str
    pid: int
    admin_database: str
    kept: bool = False

    @classmethod
    def read(cls, comment: str) -> _Mark | None:
        try:
            return cls(**json.loads(comment.removeprefix(_MARK)))
        except (ValueError, TypeError):
            return None

    def write(self, connection: Connection, name: str) -> None:
        text = literal(_MARK + json.dumps(asdict(self)))
        connection.execute(f"COMMENT ON DATABASE {quoted(name)} IS {text}".encode())


@contextmanager
def create_database(server: Server, release: str, *, keep: bool = False) -> Iterator[Target]:
    """
    Make an empty database, hand it out, and drop it whatever happens in between.

    Databases that killed runs left are dropped first: theirs is the lock that nobody holds.

    Args:
        server: Where to make it.
        release: The id of this release; part of the name.
        keep: Leave it at the end, marked as kept. The server has to be kept as well.

    Yields:
        The database.

    Raises:
        TargetError: The role may not, the name is taken, the disk is full, or it cannot be dropped.

    Source: https://www.postgresql.org/docs/current/sql-createdatabase.html
    """
    name = fitted(_PREFIX + release)
    mark = _Mark(release, platform.node(), os.getpid(), server.admin_database)
    with server.connect(server.admin_database, autocommit=True) as connection:
        _drop_leftovers(connection, server)
        _create(connection, server, name)
        try:
            mark.write(connection, name)
            yield Target(server, name, server.major)
        except BaseException as cause:
            _finish_beside(cause, connection, server, name, replace(mark, kept=keep))
            raise
        _finish(connection, server, name, replace(mark, kept=keep))


def _create(connection: Connection, server: Server, name: str) -> None:
    import psycopg

    address = server.url(name)
    if not _lock(connection, name):
        raise refusals.not_created("42P04", address=address)
    try:
        connection.execute(
            f"CREATE DATABASE {quoted(name)} TEMPLATE template0 ENCODING 'UTF8'".encode()
        )
    except psycopg.Error as error:
        raise refusals.not_created(error.sqlstate, address=address) from error


def _drop_leftovers(connection: Connection, server: Server) -> None:
    import psycopg

    for name, comment in connection.execute(_OURS, (_PREFIX, _MARK)).fetchall():
        mark = _Mark.read(comment)
        if mark is None or mark.kept or mark.admin_database != server.admin_database:
            continue
        if _lock(connection, name):
            # Another role's leftover is not ours to drop, and no reason to stop.
            with suppress(psycopg.Error):
                _drop(connection, name)
            _unlock(connection, name)


def _finish_beside(
    cause: BaseException, connection: Connection, server: Server, name: str, mark: _Mark
) -> None:
    try:
        _finish(connection, server, name, mark)
    except TargetError as error:
        cause.add_note(str(error))


def _finish(connection: Connection, server: Server, name: str, mark: _Mark) -> None:
    import psycopg

    try:
        try:
            _settle(connection, name, mark)
        except psycopg.OperationalError:
            # A session that was idle for the whole run may have been cut, with the server alive.
            with server.connect(server.admin_database, autocommit=True) as fresh:
                _settle(fresh, name, mark)
    except (psycopg.Error, TargetError) as error:
        raise TargetError(
            f"database {server.url(name)}",
            problem="expected to drop it, the server did not let us or is gone",
            where=refusals.WHERE,
            remedy="the next run drops it; or drop it by hand, it holds a copy of the source",
        ) from error


def _settle(connection: Connection, name: str, mark: _Mark) -> None:
    if mark.kept:
        mark.write(connection, name)
    else:
        _drop(connection, name)
    _unlock(connection, name)  # the server ends a session some time after it was closed


def _drop(connection: Connection, name: str) -> None:
    connection.execute(f"DROP DATABASE IF EXISTS {quoted(name)} WITH (FORCE)".encode())


def _lock(connection: Connection, name: str) -> bool:
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", (_lock_key(name),)).fetchone()
    return row is not None and row[0] is True


def _unlock(connection: Connection, name: str) -> None:
    connection.execute("SELECT pg_advisory_unlock(%s)", (_lock_key(name),))


def _lock_key(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
