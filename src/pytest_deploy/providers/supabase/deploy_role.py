"""A role that can deploy, and nothing else: the SQL that makes it, and what one has too much."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.schema.identifiers import literal, quoted

if TYPE_CHECKING:
    import psycopg

    from pytest_deploy.config import Settings

_HISTORY = "supabase_migrations"
_MORE = """
SELECT name FROM pg_roles r, LATERAL (VALUES
    ('SUPERUSER', r.rolsuper), ('CREATEROLE', r.rolcreaterole), ('CREATEDB', r.rolcreatedb),
    ('REPLICATION', r.rolreplication), ('BYPASSRLS', r.rolbypassrls)
) AS has (name, is_so)
WHERE r.rolname = current_user AND is_so
UNION ALL
SELECT format('SET ROLE %s', of.rolname)
FROM pg_auth_members m
    JOIN pg_roles of ON of.oid = m.roleid JOIN pg_roles r ON r.oid = m.member
WHERE r.rolname = current_user AND of.rolname NOT IN ('anon', 'authenticated')
ORDER BY 1
"""


def role_sql(name: str, settings: Settings) -> str:
    """
    Write the SQL that makes a role with exactly the grants that a deployment of an app needs.

    Args:
        name: The role's.
        settings: The configuration: who signs in, where files go, which migration is recorded.

    Returns:
        Statements, to be run by the owner of the project's database; without a password.
    """
    role, schema = quoted(name), quoted(settings.schema_.name)
    grants = [
        f"CREATE ROLE {role} LOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;",
        "-- Its own schemas: the ledger, staging, what is moved aside.",
        _on_database(name),
        f"GRANT USAGE, CREATE ON SCHEMA {schema} TO {role};",
        "-- To look through the eyes of everybody and of members; asked for, never by the way.",
        f"GRANT anon, authenticated TO {role};",
    ]
    if settings.auth is not None:
        grants += [
            "-- Accounts, where the server has no Auth Admin API; and the gates that compare them.",
            f"GRANT USAGE ON SCHEMA auth TO {role};",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON auth.users, auth.identities TO {role};",
        ]
    if settings.storage is not None:
        grants += [
            "-- What is in Storage is asked over HTTP, and listed here.",
            f"GRANT USAGE ON SCHEMA storage TO {role};",
            f"GRANT SELECT ON storage.buckets, storage.objects TO {role};",
        ]
    if settings.backup is not None:
        grants += [
            "-- A backup holds every table of the schema, whoever made it.",
            f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role};",
        ]
    if settings.release.migration is not None or settings.backup is not None:
        grants += ["-- The history of the Supabase CLI, where there is one.", _history(role)]
    return "\n".join((*grants, ""))


def _on_database(name: str) -> str:
    granted = "GRANT CONNECT, CREATE ON DATABASE %I TO %I"
    told = f"format({literal(granted)}, current_database(), {literal(name)})"
    return f"DO $$ BEGIN EXECUTE {told}; END $$;"


def _history(role: str) -> str:
    table = f"{_HISTORY}.schema_migrations"
    return (
        f"DO $$ BEGIN IF to_regnamespace('{_HISTORY}') IS NOT NULL THEN\n"
        f"    GRANT USAGE ON SCHEMA {_HISTORY} TO {role};\n"
        f"    GRANT SELECT ON ALL TABLES IN SCHEMA {_HISTORY} TO {role};\n"
        f"    GRANT INSERT, DELETE ON {table} TO {role};\n"
        "END IF; END $$;"
    )


def too_much(connection: psycopg.Connection) -> tuple[str, ...]:
    """
    Name what a role may do that no deployment needs.

    Args:
        connection: As that role.

    Returns:
        Its attributes, such as `CREATEROLE`, and the roles that it may become besides those of
        users.
    """
    return tuple(row[0] for row in connection.execute(_MORE).fetchall())
