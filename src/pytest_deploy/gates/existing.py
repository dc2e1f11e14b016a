"""Is what stands on the target under the app's names ours to move aside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.gates.verdict import Verdict
from pytest_deploy.providers.postgres.looking import published
from pytest_deploy.schema.identifiers import quoted

if TYPE_CHECKING:
    import psycopg

    from pytest_deploy.providers.postgres.base import Target
    from pytest_deploy.schema.plan import SchemaPlan

_FOUND = """
SELECT n.nspname, c.relname, c.relkind::text, c.oid::bigint
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND (n.nspname = %(schema)s AND c.relname = ANY(%(names)s) OR n.nspname = ANY(%(aside)s))
ORDER BY 1, 2
"""
_KINDS = {
    "r": "table",
    "p": "table",
    "v": "view",
    "m": "materialized view",
    "f": "foreign table",
}
_REMEDY = (
    'move them away, or let them be replaced: existing = "replace" in [release] moves them aside'
    " until the release is complete; see runbooks/publishing.md"
)


def nothing_of_others_is_there(
    plan: SchemaPlan,
    target: Target,
    *,
    existing: str,
    set_aside: tuple[str, ...] = (),
) -> Verdict:
    """
    Look for tables and views of the app's names that no release of ours has put there.

    Args:
        plan: The plan in its final schema.
        target: The database.
        existing: `refuse` or `replace`, as `[env.NAME]` says.
        set_aside: Schemas of ours that must be empty: for staging, for what stood there before.

    Returns:
        One problem for each, with its kind and its rows.
    """
    names = [*(table.name for table in plan.tables), *(view.name for view in plan.views)]
    asked = {"schema": plan.schema, "names": names, "aside": list(set_aside)}
    with target.connect() as connection:
        ours = published(connection)
        found = connection.execute(_FOUND, asked).fetchall()
        problems = tuple(
            f"{_KINDS[kind]} {schema}.{name}: {_rows(connection, schema, name, kind)}"
            for schema, name, kind, oid in found
            if schema in set_aside or (oid not in ours and existing != "replace")
        )
    return Verdict(
        examined=len(names),
        unit="names",
        problems=problems,
        measured={"found": len(found), "existing": existing},
        remedy=_REMEDY,
    )


def _rows(connection: psycopg.Connection, schema: str, name: str, kind: str) -> str:
    if kind in ("v", "f"):
        return "rows not counted"
    row = connection.execute(
        f"SELECT count(*) FROM {quoted(schema)}.{quoted(name)}".encode()
    ).fetchone()
    count = int(row[0]) if row else 0
    return f"{count:,} {'row' if count == 1 else 'rows'}"
