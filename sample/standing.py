"""What stands on a project, in a few digests: to see that a second deployment changed nothing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import psycopg

# Of the ledger only what a release leaves: no run adds a row to it that changes nothing.
_RELATIONS = """
SELECT format('%I.%I', n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname IN ('public', 'deploy', 'auth', 'storage')
  AND format('%I.%I', n.nspname, c.relname) <> 'auth.schema_migrations'
ORDER BY 1
"""
_RIGHTS = """
SELECT n.nspname, c.relname, c.relkind::text, c.relacl::text, c.relrowsecurity
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('public', 'deploy') ORDER BY 1, 2, 3
"""
_POLICIES = (
    "SELECT schemaname, tablename, policyname, roles, cmd, qual FROM pg_policies ORDER BY 1, 2, 3"
)
_SEQUENCES = "SELECT schemaname, sequencename, last_value FROM pg_sequences ORDER BY 1, 2"


@dataclass(frozen=True)
class Standing:
    """
    A project at one moment.

    Args:
        rows: Digest of every row of every table, also of users, objects and the ledger.
        rights: Digest of what roles may do.
        policies: Digest of the policies.
        sequences: Digest of the next keys.
    """

    rows: str
    rights: str
    policies: str
    sequences: str

    def differences(self, other: Standing) -> tuple[str, ...]:
        """
        Compare two moments.

        Args:
            other: The later one.

        Returns:
            What is another one; nothing where both are the same.
        """
        names = (field.name for field in fields(self))
        return tuple(name for name in names if getattr(self, name) != getattr(other, name))

    def __str__(self) -> str:
        return ", ".join(f"{field.name} {getattr(self, field.name)[:12]}" for field in fields(self))


def standing_at(environ: Mapping[str, str]) -> Standing:
    """
    Look at a project.

    Args:
        environ: Variables with the URL of its database.

    Returns:
        What stands there.
    """
    import psycopg

    with psycopg.connect(environ["DRESS_DATABASE_URL"]) as connection:
        relations = [row[0] for row in connection.execute(_RELATIONS)]
        rows = hashlib.sha256()
        for name in relations:
            rows.update(name.encode())
            rows.update(_digest(connection, f"SELECT t::text FROM {name} AS t ORDER BY 1").encode())
        others = (_digest(connection, query) for query in (_RIGHTS, _POLICIES, _SEQUENCES))
        return Standing(rows.hexdigest(), *others)


def _digest(connection: psycopg.Connection, query: str) -> str:
    digest = hashlib.sha256()
    for row in connection.execute(query.encode()):
        digest.update(repr(row).encode())
    return digest.hexdigest()
