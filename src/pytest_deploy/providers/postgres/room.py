"""What a role may do on a database, and what room there is for a deployment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_deploy.providers.postgres.base import Target

_LOOK = """
SELECT r.rolsuper,
    has_database_privilege(current_database(), 'CREATE'),
    n.oid IS NULL OR has_schema_privilege(n.oid, 'CREATE'),
    ARRAY(SELECT w.name FROM unnest(%(roles)s::text[]) AS w(name)
          WHERE NOT EXISTS (SELECT FROM pg_roles p WHERE p.rolname = w.name)),
    ARRAY(SELECT w.name FROM unnest(%(writes)s::text[]) AS w(name)
          WHERE to_regclass(w.name) IS NULL
             OR NOT has_table_privilege(to_regclass(w.name), 'INSERT, DELETE')),
    r.rolconnlimit, d.datconnlimit,
    current_setting('max_connections')::int
        - current_setting('superuser_reserved_connections')::int
        - coalesce(current_setting('reserved_connections', true)::int, 0),
    (SELECT count(*) FROM pg_stat_activity a WHERE a.backend_type = 'client backend'),
    (SELECT count(*) FROM pg_stat_activity a WHERE a.datid = d.oid
        AND a.backend_type = 'client backend'),
    (SELECT count(*) FROM pg_stat_activity a WHERE a.usesysid = r.oid
        AND a.backend_type = 'client backend'),
    pg_database_size(d.oid),
    (SELECT s.setting FROM pg_settings s WHERE s.name = 'data_directory')
FROM pg_roles r, pg_database d
LEFT JOIN pg_namespace n ON n.nspname = %(schema)s
WHERE r.rolname = current_user AND d.datname = current_database()
"""


@dataclass(frozen=True)
class Room:
    """
    What there is.

    Args:
        is_superuser: Whether the role may do everything on the server.
        makes_schemas: Whether it may make schemas in the database.
        makes_tables: Whether it may make tables in the app's schema.
        missing_roles: Roles that are asked for and not there.
        closed_tables: Tables that are asked for, and are not there or not the role's to write.
        free_connections: How many more sessions it may open, at this moment.
        database_bytes: The size of the database.
        folder: Where the server keeps it; empty where it does not tell this role.
    """

    is_superuser: bool
    makes_schemas: bool
    makes_tables: bool
    missing_roles: tuple[str, ...]
    closed_tables: tuple[str, ...]
    free_connections: int
    database_bytes: int
    folder: str = ""


def room_on(
    target: Target, *, schema: str, roles: tuple[str, ...], writes: tuple[str, ...]
) -> Room:
    """
    Look at a database.

    Args:
        target: The database.
        schema: The app's schema.
        roles: Roles that must be there.
        writes: Tables besides the app's that are written to.

    Returns:
        What this role may do there, and how much room there is.

    Raises:
        TargetError: It is unreachable.
    """
    with target.connect() as connection:
        asked = {"schema": schema, "roles": list(roles), "writes": list(writes)}
        row = connection.execute(_LOOK, asked).fetchone()
    assert row is not None  # a session has a role and a database
    is_super, makes_schemas, makes_tables, missing, closed, *counted, size, folder = row
    of_role, of_database, of_server, used, used_here, used_by_role = counted
    limits = (
        (of_server, used),
        (of_database if of_database >= 0 else None, used_here),
        (of_role if of_role >= 0 else None, used_by_role),
    )
    return Room(
        is_superuser=is_super,
        makes_schemas=makes_schemas,
        makes_tables=makes_tables,
        missing_roles=tuple(missing),
        closed_tables=tuple(closed),
        free_connections=min(limit - now for limit, now in limits if limit is not None),
        database_bytes=size,
        folder=folder or "",
    )
