"""What stands on a project, by digests: to see that a way back leads to where it began."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pytest_deploy.providers.supabase import storage
from pytest_deploy.recovery.content import digests, schemas_of
from pytest_deploy.recovery.objects import list_objects

if TYPE_CHECKING:
    from collections.abc import Mapping

    import psycopg

    from pytest_deploy.providers.supabase.base import Supabase

_OURS = (
    "deploy"  # its schemas are the ledger, what is moved aside, and what is kept of an undone one
)
_PLATFORMS = ("supabase_migrations",)
_CATALOGUE = {
    "rights": """
        SELECT n.nspname, c.relname, c.relkind::text, c.relrowsecurity,
               (SELECT string_agg(
                  format('%%s %%s %%s', a.grantee::regrole, a.privilege_type, a.is_grantable),
                  ', ' ORDER BY a.grantee, a.privilege_type)
        FROM aclexplode(coalesce(c.relacl, acldefault(
            CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))) AS a)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = ANY(%(schemas)s) AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
        ORDER BY 1, 2""",
    "columns": """
        SELECT n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
               a.attidentity::text, a.attgenerated::text, pg_get_expr(d.adbin, d.adrelid)
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE n.nspname = ANY(%(schemas)s) AND a.attnum > 0 AND NOT a.attisdropped
          AND c.relkind IN ('r', 'p', 'v', 'm')
        ORDER BY 1, 2, a.attnum""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(o.oid), convalidated
        FROM pg_constraint o JOIN pg_namespace n ON n.oid = o.connamespace
        WHERE n.nspname = ANY(%(schemas)s) ORDER BY 1, 2""",
    "indexes": """
        SELECT schemaname, tablename, indexdef FROM pg_indexes
        WHERE schemaname = ANY(%(schemas)s) ORDER BY 1, 2, 3""",
    "triggers": """
        SELECT t.tgrelid::regclass::text, t.tgname, pg_get_triggerdef(t.oid), t.tgenabled::text
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE NOT t.tgisinternal AND n.nspname = ANY(%(schemas)s) ORDER BY 1, 2""",
    "functions": """
        SELECT p.oid::regprocedure::text, p.proacl::text, p.prosrc FROM pg_proc p
        JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname = ANY(%(schemas)s) ORDER BY 1""",
    "policies": """
        SELECT schemaname, tablename, policyname, permissive, roles::text, cmd, qual, with_check
        FROM pg_policies WHERE schemaname = ANY(%(schemas)s) OR schemaname = 'storage'
        ORDER BY 1, 2, 3""",
    "views": """
        SELECT schemaname, viewname, definition FROM pg_views
        WHERE schemaname = ANY(%(schemas)s) ORDER BY 1, 2""",
    "next keys": """
        SELECT schemaname, sequencename, last_value FROM pg_sequences
        WHERE schemaname = ANY(%(schemas)s) ORDER BY 1, 2""",
}


def state_of(project: Supabase) -> dict[str, str]:
    """
    Look at all that a release may change, but for its own ledger.

    Args:
        project: The project.

    Returns:
        By name, a digest of the rows of each table, of what the catalogue says, and of each
        object.
    """
    with project.database.connect() as connection:
        schemas = tuple(
            name
            for name in schemas_of(connection)
            if name != _OURS and not name.startswith(f"{_OURS}_")
        )
        told = {f"rows of {name}": seen for name, seen in digests(connection, schemas).items()}
        for what, query in _CATALOGUE.items():
            told[what] = _digest(connection, query, schemas)
        listed = list_objects(connection)
    told["schemas"] = ", ".join(name for name in schemas if name not in _PLATFORMS)
    told["buckets"] = ", ".join(bucket.name for bucket in listed.buckets)
    with storage.opened(project, 1) as there:
        for one in listed.objects:
            name = hashlib.sha256(one.key.encode()).hexdigest()[:16]
            told[f"object {one.bucket}/{name}"] = there.fetch(one.bucket, one.key).sha256
    return told


def unlike(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    """
    Compare two moments.

    Args:
        before: What stood there.
        after: What stands there now.

    Returns:
        The names of what is another one, or there at one of both moments only.
    """
    return tuple(
        f"{name}: {_told(before.get(name), after.get(name))}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    )


def _told(before: str | None, after: str | None) -> str:
    if before is None:
        return "it was not there before"
    return "it is not there any more" if after is None else "it is not as it was"


def _digest(connection: psycopg.Connection, query: str, schemas: tuple[str, ...]) -> str:
    rows = connection.execute(query.encode(), {"schemas": list(schemas)}).fetchall()
    return hashlib.sha256("\n".join(map(repr, rows)).encode()).hexdigest()
