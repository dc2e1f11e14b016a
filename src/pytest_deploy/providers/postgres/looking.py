"""A look at a server that changes nothing: version, settings, extensions, and what stands there."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_deploy.errors import TargetError
from pytest_deploy.providers.postgres import refusals
from pytest_deploy.providers.postgres.base import (
    APPLICATION,
    CONNECT_TIMEOUT_S,
    nothing_left_half_open,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_deploy.providers.postgres.base import Connection, Target
    from pytest_deploy.secrets import Secret

SETTINGS = (
    *("server_version", "server_encoding", "TimeZone", "DateStyle", "IntervalStyle"),
    *("lc_messages", "lc_monetary", "lc_numeric", "lc_time", "default_text_search_config"),
    *("standard_conforming_strings", "bytea_output", "extra_float_digits", "row_security"),
    *("integer_datetimes", "block_size", "max_index_keys", "max_identifier_length"),
    *("default_transaction_isolation", "default_transaction_read_only"),
    *("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"),
    *("max_connections", "wal_level", "max_wal_size", "shared_buffers", "work_mem"),
    *("maintenance_work_mem", "password_encryption", "ssl"),
)
_SILENCE_MS = 10_000
# Within one transaction, since a pooler may hand the session to somebody else afterwards.
_LIMITS = (
    "SET LOCAL default_transaction_read_only = on",
    "SET LOCAL statement_timeout = '5s'",
    "SET LOCAL lock_timeout = '1s'",
    "SET LOCAL idle_in_transaction_session_timeout = '15s'",
)
# What a session gets that sets nothing: `setting` would show the limits above.
_SETTINGS = """
SELECT name, coalesce(reset_val, setting), coalesce(unit, '') FROM pg_settings
WHERE name = ANY(%s)
"""
# The columns of pg_database differ from version to version, those of its row as JSON may be absent.
_DATABASE = """
SELECT pg_encoding_to_char(d.encoding), to_jsonb(d) ->> 'datlocprovider', d.datcollate, d.datctype,
    coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale', ''),
    pg_is_in_recovery(), has_database_privilege(d.oid, 'CREATE')
FROM pg_database d WHERE d.datname = current_database()
"""
_STANDING = """
SELECT c.relname, c.oid::bigint FROM pg_class c
WHERE c.relnamespace = to_regnamespace(quote_ident(%s)) AND c.relname = ANY(%s)
ORDER BY 1
"""
_OTHER_LEDGER = """
SELECT to_regnamespace('deploy') IS NOT NULL AND to_regclass('deploy.journal') IS NULL
"""
_TRANSACTION_POOLER = 6543  # Supabase's; its session pooler is on 5432
_PROVIDERS = {"b": "builtin", "c": "libc", "i": "icu"}


@dataclass(frozen=True)
class Seen:
    """
    What a server is like.

    Args:
        version: What it says it is, such as `18.6`.
        major: The major version.
        settings: Of a session that sets nothing, by name, with units.
        database: Encoding and locale of the database.
        extensions: Those that are installed, with their versions.
        can_write: Whether it is no standby, and lets transactions write.
        can_create: Whether this role may make schemas.
        standing: Relations of the names asked for that stand there, and that no release of ours
            has put there.
        other_ledger: Whether a schema `deploy` stands there that is not the ledger of releases.
        knows_zone: Whether it knows the time zone asked for.
        is_pooled: Whether a pooler hands its sessions out for a transaction each.
    """

    version: str
    major: int
    settings: Mapping[str, str]
    database: Mapping[str, str]
    extensions: Mapping[str, str] = field(default_factory=dict)
    can_write: bool = True
    can_create: bool = True
    standing: tuple[str, ...] = ()
    other_ledger: bool = False
    knows_zone: bool = True
    is_pooled: bool = False


def look_at_target(target: Target, *, schema: str, names: Sequence[str], zone: str) -> Seen:
    """
    Look at the rehearsal's database as a session sees it that sets nothing.

    Args:
        target: The database.
        schema: The schema of the plan.
        names: The relations of the plan.
        zone: The time zone of the source.

    Returns:
        What it is like.

    Raises:
        TargetError: It is unreachable.
    """
    server = target.server
    parameters = {
        **dict(server.extras),
        "host": server.host,
        "port": str(server.port),
        "user": server.user,
        "dbname": target.database,
    }
    if server.password.reveal():
        parameters["password"] = server.password.reveal()
    return _look(parameters, "--postgres", schema, names, zone)


def look_at_url(url: Secret, *, where: str, schema: str, names: Sequence[str], zone: str) -> Seen:
    """
    Look at a database of which but the URL is known, in a transaction that can only read.

    Args:
        url: As libpq takes it; what it says of TLS is left as it is.
        where: Where it is configured, for the error.
        schema: The schema of the plan.
        names: The relations of the plan.
        zone: The time zone of the source.

    Returns:
        What it is like.

    Raises:
        TargetError: It is no URL, or the server is unreachable or refuses us; neither host nor
            user nor password are told.
    """
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    try:
        found = conninfo_to_dict(url.reveal())
    except psycopg.ProgrammingError:
        raise _unseen(where, "expected a connection URL, seen something else") from None
    parameters = {name: str(value) for name, value in found.items() if value is not None}
    return _look(parameters, where, schema, names, zone)


def _look(
    parameters: Mapping[str, str], where: str, schema: str, names: Sequence[str], zone: str
) -> Seen:
    import psycopg

    try:
        with _reading(parameters) as connection:
            return _seen(connection, schema, names, zone)
    except psycopg.Error as error:
        raise _unseen(where, refusals.in_short(error)) from None


def _unseen(where: str, problem: str) -> TargetError:
    return TargetError(
        "the database of the target",
        problem=problem,
        where=where,
        remedy="correct the URL, or let this machine reach it",
    )


@contextmanager
def _reading(parameters: Mapping[str, str]) -> Iterator[Connection]:
    import psycopg
    from psycopg.conninfo import make_conninfo

    asked: dict[str, Any] = {
        **parameters,
        "application_name": f"{APPLICATION} looking",
        "client_encoding": "UTF8",
        "connect_timeout": CONNECT_TIMEOUT_S,
        "tcp_user_timeout": _SILENCE_MS,
        "keepalives_idle": CONNECT_TIMEOUT_S,
    }
    with nothing_left_half_open():
        connection = psycopg.connect(make_conninfo("", **asked), prepare_threshold=None)
    try:
        connection.read_only = True
        for limit in _LIMITS:
            connection.execute(limit)
        yield connection
    finally:
        connection.close()


def _seen(connection: Connection, schema: str, names: Sequence[str], zone: str) -> Seen:
    rows = connection.execute(_SETTINGS, (list(SETTINGS),)).fetchall()
    settings = {name: f"{value}{unit}" for name, value, unit in rows}
    standing, ours = connection.execute(_STANDING, (schema, list(names))), published(connection)
    installed = connection.execute("SELECT extname, extversion FROM pg_extension").fetchall()
    ledger = connection.execute(_OTHER_LEDGER).fetchone()
    row = connection.execute(_DATABASE).fetchone()
    assert row is not None
    assert ledger is not None
    encoding, provider, collate, ctype, locale, standby, can_create = row
    return Seen(
        version=settings["server_version"].split()[0],
        major=connection.info.server_version // 10_000,
        settings=settings,
        database={
            "encoding": encoding,
            "locale provider": _PROVIDERS.get(provider, provider or "libc"),
            "collation": locale or collate,
            "character classes": locale or ctype,
        },
        extensions=dict(installed),
        can_write=not standby and settings["default_transaction_read_only"] == "off",
        can_create=can_create,
        standing=tuple(name for name, oid in standing.fetchall() if oid not in ours),
        other_ledger=ledger[0],
        knows_zone=_knows(connection, zone),
        is_pooled=connection.info.port == _TRANSACTION_POOLER,
    )


def published(connection: Connection) -> frozenset[int]:
    """
    Number the tables and views that releases of ours have put in their place.

    Args:
        connection: To the target.

    Returns:
        Their oids; none where this role may not know.
    """
    row = connection.execute(
        "SELECT has_table_privilege(to_regclass('deploy.published'), 'SELECT')"
    ).fetchone()
    if not (row and row[0]):
        return frozenset()
    rows = connection.execute("SELECT object::oid::bigint FROM deploy.published").fetchall()
    return frozenset(row[0] for row in rows)


def _knows(connection: Connection, zone: str) -> bool:
    from psycopg import errors

    try:
        with connection.transaction():
            connection.execute("SELECT now() AT TIME ZONE %s", (zone,))
    except errors.InvalidParameterValue:
        return False
    return True
