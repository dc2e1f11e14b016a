"""What stands on a project, in a few digests: to see that a second deployment changed nothing."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import psycopg

# Reading is no change, though it is noted: who signed in, and when an object was last opened.
_RELATIONS = """
SELECT format('%I.%I', n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname IN ('public', 'deploy', 'auth', 'storage', 'supabase_migrations')
  AND format('%I.%I', n.nspname, c.relname)
      NOT IN ('auth.schema_migrations', 'auth.audit_log_entries', 'deploy.lease')
ORDER BY 1
"""
_ROWS = "SELECT (to_jsonb(t) - 'last_accessed_at')::text FROM {} AS t ORDER BY 1"
_RIGHTS = """
SELECT n.nspname, c.relname, c.relkind::text, c.relrowsecurity,
       (SELECT string_agg(format('%s %s %s', a.grantee::regrole, a.privilege_type, a.is_grantable),
                  ', ' ORDER BY a.grantee, a.privilege_type)
        FROM aclexplode(coalesce(c.relacl, acldefault(
            CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))) AS a)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('public', 'deploy') AND c.relname !~ '^lease' ORDER BY 1, 2, 3
"""
_POLICIES = (
    "SELECT schemaname, tablename, policyname, roles, cmd, qual FROM pg_policies ORDER BY 1, 2, 3"
)
# What an undone release is kept in is nobody's next key.
_SEQUENCES = """
SELECT schemaname, sequencename, last_value FROM pg_sequences
WHERE schemaname IN ('public', 'deploy') ORDER BY 1, 2
"""


def standing_at(environ: Mapping[str, str]) -> dict[str, str]:
    """
    Look at a project.

    Args:
        environ: Variables with the URL of its database.

    Returns:
        What stands there, by name: a digest of the rows of each table, also of users, objects
        and the ledger, and one each of what roles may do, of the policies and of the next keys.
    """
    import psycopg

    with psycopg.connect(environ["DRESS_DATABASE_URL"]) as connection:
        standing = {
            f"rows of {name}": _digest(connection, _ROWS.format(name))
            for (name,) in connection.execute(_RELATIONS).fetchall()
        }
        standing["rights"] = _digest(connection, _RIGHTS)
        standing["policies"] = _digest(connection, _POLICIES)
        standing["sequences"] = _digest(connection, _SEQUENCES)
    return standing


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    """
    Compare two moments.

    Args:
        before: What stood there.
        after: What stands there now.

    Returns:
        The names of what is another one, or on one side only.
    """
    names = sorted(before.keys() | after.keys())
    return tuple(name for name in names if before.get(name) != after.get(name))


def _digest(connection: psycopg.Connection, query: str) -> str:
    digest = hashlib.sha256()
    for row in connection.execute(query.encode()):
        digest.update(repr(row).encode())
    return digest.hexdigest()
