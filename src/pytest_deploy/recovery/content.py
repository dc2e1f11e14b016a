"""What of a database a backup holds, and a digest of it that does not depend on the order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.schema.identifiers import quoted

if TYPE_CHECKING:
    import psycopg

# What a platform makes for itself, and again in every other project.
_MANAGED = (
    *("auth", "storage", "extensions", "graphql", "graphql_public", "realtime", "_realtime"),
    *("vault", "pgbouncer", "pgsodium", "pgsodium_masks", "supabase_functions", "net", "cron"),
    *("pgmq", "_analytics", "_supavisor", "information_schema"),
)
ACCOUNTS = ("auth.users", "auth.identities")
_SCHEMAS = """
SELECT n.nspname FROM pg_namespace n
WHERE n.nspname <> ALL(%s) AND n.nspname !~ '^pg_'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = n.oid
                  AND d.classid = 'pg_namespace'::regclass AND d.deptype = 'e')
ORDER BY 1
"""
_TABLES = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND (n.nspname = ANY(%s) OR n.nspname || '.' || c.relname = ANY(%s))
  AND n.nspname || '.' || c.relname <> 'deploy.lease'
ORDER BY 1, 2
"""
# Two hashes of 64 bits, added: the same rows in another order come to the same.
_DIGEST = """
SELECT count(*) || ' ' || coalesce(sum(hashtextextended(t::text, 1)::numeric), 0) || ' '
       || coalesce(sum(hashtextextended(t::text, 2)::numeric), 0)
FROM {} AS t
"""
_POLICIES = """
SELECT policyname, schemaname || '.' || tablename, permissive, roles::text[], cmd, qual, with_check
FROM pg_policies WHERE schemaname = 'storage' ORDER BY 1, 2
"""


def schemas_of(connection: psycopg.Connection) -> tuple[str, ...]:
    """
    Name the schemas that are the app's or ours, and nobody else's.

    Args:
        connection: To the project's database.

    Returns:
        Their names.
    """
    rows = connection.execute(_SCHEMAS, (list(_MANAGED),)).fetchall()
    return tuple(row[0] for row in rows)


def accounts_of(connection: psycopg.Connection) -> tuple[str, ...]:
    """
    Name the tables of Auth whose rows are kept.

    Args:
        connection: To the project's database.

    Returns:
        Those that are there.
    """
    return tuple(
        name
        for name in ACCOUNTS
        if connection.execute("SELECT to_regclass(%s)", (name,)).fetchone() != (None,)
    )


def digests(connection: psycopg.Connection, schemas: tuple[str, ...]) -> dict[str, str]:
    """
    Tell the rows of every table from any others.

    Args:
        connection: To the project's database; in one snapshot.
        schemas: Of the tables; those of Auth are always among them.

    Returns:
        By table, how many rows it has, and two sums of their hashes.
    """
    tables = connection.execute(_TABLES, (list(schemas), list(ACCOUNTS))).fetchall()
    told = {}
    for schema, table in tables:
        query = _DIGEST.format(f"{quoted(schema)}.{quoted(table)}")
        row = connection.execute(query.encode()).fetchone()
        told[f"{schema}.{table}"] = str(row[0]) if row else ""
    return told


def digests_of(connection: psycopg.Connection, schema: str) -> dict[str, str]:
    """
    Tell the rows of every table of one schema from any others.

    Args:
        connection: To the project's database.
        schema: Its name.

    Returns:
        By the table's own name, as in `digests`.
    """
    found = digests(connection, (schema,))
    return {
        name.removeprefix(f"{schema}."): told
        for name, told in found.items()
        if name.startswith(f"{schema}.")
    }


def policies_of_storage(connection: psycopg.Connection) -> tuple[str, ...]:
    """
    Write the policies on objects, which are the app's though the table is the platform's.

    Args:
        connection: To the project's database.

    Returns:
        A statement for each.
    """
    return tuple(_statement(*row) for row in connection.execute(_POLICIES).fetchall())


def policy_of_storage(connection: psycopg.Connection, name: str) -> str | None:
    """
    Write one policy on objects.

    Args:
        connection: To the project's database.
        name: Its name.

    Returns:
        A statement that makes it again; None where there is none of that name.
    """
    rows = connection.execute(_POLICIES).fetchall()
    found = [row for row in rows if row[0] == name and row[1] == "storage.objects"]
    return _statement(*found[0]) if found else None


def _statement(
    name: str,
    table: str,
    kind: str,
    roles: list[str],
    cmd: str,
    qual: str | None,
    check: str | None,
) -> str:
    to = ", ".join("PUBLIC" if role == "public" else quoted(role) for role in roles)
    using = f" USING ({qual})" if qual is not None else ""
    checked = f" WITH CHECK ({check})" if check is not None else ""
    return f"CREATE POLICY {quoted(name)} ON {table} AS {kind} FOR {cmd} TO {to}{using}{checked}"


def snapshot_of(connection: psycopg.Connection) -> str:
    """
    Let others see what this transaction sees.

    Args:
        connection: Not in a transaction yet; it stays in one from here.

    Returns:
        The snapshot's name.

    Source: https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-SNAPSHOT-SYNCHRONIZATION
    """
    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    row = connection.execute("SELECT pg_export_snapshot()").fetchone()
    assert row is not None
    return str(row[0])
