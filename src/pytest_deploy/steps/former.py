"""What stands under the app's names already, and who else relies on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_deploy.errors import StepError
from pytest_deploy.schema.identifiers import quoted

if TYPE_CHECKING:
    import psycopg

    from pytest_deploy.schema.plan import SchemaPlan

_SHOWN = 20
_ALTERED = {
    "r": "TABLE",
    "p": "TABLE",
    "v": "VIEW",
    "m": "MATERIALIZED VIEW",
    "f": "FOREIGN TABLE",
    "S": "SEQUENCE",
}
_RELATIONS = """
SELECT c.oid::bigint, c.relname, c.relkind::text FROM pg_class c
WHERE c.relnamespace = to_regnamespace(%(schema)s) AND c.relname = ANY(%(names)s)
  AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
ORDER BY c.relname
"""
# What depends on relations (their row types among it) and functions, by the object it belongs to.
_DEPENDENTS = """
WITH moved AS (
    SELECT 'pg_class'::regclass AS class, unnest(%(relations)s::oid[]) AS id
    UNION ALL
    SELECT 'pg_type'::regclass, t.oid FROM pg_type t WHERE t.typrelid = ANY(%(relations)s::oid[])
    UNION ALL
    SELECT 'pg_proc'::regclass, unnest(%(functions)s::oid[])
), dependent AS (
    SELECT d.classid, d.objid, d.objsubid,
           CASE d.classid
               WHEN 'pg_class'::regclass THEN d.objid
               WHEN 'pg_rewrite'::regclass
               THEN (SELECT r.ev_class FROM pg_rewrite r WHERE r.oid = d.objid)
               WHEN 'pg_constraint'::regclass
               THEN (SELECT k.conrelid FROM pg_constraint k WHERE k.oid = d.objid)
               WHEN 'pg_policy'::regclass
               THEN (SELECT p.polrelid FROM pg_policy p WHERE p.oid = d.objid)
               WHEN 'pg_trigger'::regclass
               THEN (SELECT t.tgrelid FROM pg_trigger t WHERE t.oid = d.objid)
               WHEN 'pg_attrdef'::regclass
               THEN (SELECT a.adrelid FROM pg_attrdef a WHERE a.oid = d.objid)
           END AS owner
    FROM pg_depend d JOIN moved m ON d.refclassid = m.class AND d.refobjid = m.id
    WHERE d.deptype = 'n'
)
SELECT DISTINCT pg_describe_object(classid, objid, objsubid)
FROM dependent d
WHERE coalesce(d.owner <> ALL(%(relations)s::oid[]), true)
  AND NOT (d.classid = 'pg_proc'::regclass AND d.objid = ANY(%(functions)s::oid[]))
  AND NOT EXISTS (SELECT FROM pg_class i JOIN pg_index x ON x.indexrelid = i.oid
                  WHERE i.oid = d.owner AND x.indrelid = ANY(%(relations)s::oid[]))
ORDER BY 1
"""
# Indexes and sequences of what moves go with it: any other one of our names is in the way.
_IN_THE_WAY = """
SELECT pg_describe_object('pg_class'::regclass, c.oid, 0)
FROM pg_class c
JOIN pg_class ours ON ours.relnamespace = to_regnamespace(%(staging)s)
    AND ours.relname = c.relname AND ours.relkind IN ('r', 'p', 'i', 'I', 'S')
WHERE c.relnamespace = to_regnamespace(%(schema)s) AND c.oid <> ALL(%(relations)s::oid[])
  AND NOT EXISTS (SELECT FROM pg_index x WHERE x.indexrelid = c.oid
                  AND x.indrelid = ANY(%(relations)s::oid[]))
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
                  AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass
                  AND d.refobjid = ANY(%(relations)s::oid[]) AND d.deptype IN ('a', 'i'))
ORDER BY 1
"""


@dataclass(frozen=True)
class Object:
    """
    One relation or function.

    Args:
        oid: Its number in the catalogue.
        name: Its name without the schema, quoted; a function's with its arguments.
        altered: What ALTER calls it.
    """

    oid: int
    name: str
    altered: str

    def moved(self, before: str, after: str) -> str:
        """
        Write its move.

        Args:
            before: The schema it is in.
            after: The schema it goes to.

        Returns:
            One statement.
        """
        exists = "" if self.altered == "FUNCTION" else "IF EXISTS "
        return (
            f"ALTER {self.altered} {exists}{quoted(before)}.{self.name} SET SCHEMA {quoted(after)}"
        )


def of_the_plans_names(connection: psycopg.Connection, plan: SchemaPlan) -> tuple[Object, ...]:
    """
    List what stands in a plan's schema under the plan's names.

    Args:
        connection: To the target.
        plan: The plan.

    Returns:
        Tables and views first, then functions with the same arguments.
    """
    names = [*(table.name for table in plan.tables), *(view.name for view in plan.views)]
    asked = {"schema": quoted(plan.schema), "names": names}
    found = [
        Object(oid, quoted(name), _ALTERED[kind])
        for oid, name, kind in connection.execute(_RELATIONS, asked).fetchall()
    ]
    functions = [*plan.routines, *(trigger.function for trigger in plan.triggers)]
    for one in functions:
        signature = f"{quoted(one.name)}({one.arguments})"
        row = connection.execute(
            "SELECT to_regprocedure(%s)::oid::bigint", (f"{quoted(plan.schema)}.{signature}",)
        ).fetchone()
        if row and row[0] is not None:
            found.append(Object(row[0], signature, "FUNCTION"))
    return tuple(found)


def dependents(connection: psycopg.Connection, objects: tuple[Object, ...]) -> tuple[str, ...]:
    """
    Name what relies on objects from outside of them: views, keys, functions, policies.

    Args:
        connection: To the target.
        objects: What would be moved or dropped.

    Returns:
        Each as Postgres describes it.

    Source: https://www.postgresql.org/docs/current/catalog-pg-depend.html
    """
    rows = connection.execute(_DEPENDENTS, _numbers(objects)).fetchall()
    return tuple(str(row[0]) for row in rows)


def in_the_way(
    connection: psycopg.Connection,
    staging: SchemaPlan,
    final: SchemaPlan,
    former: tuple[Object, ...],
) -> tuple[str, ...]:
    """
    Name what has the name of something of ours, and does not move.

    Args:
        connection: To the target.
        staging: The plan in its staging schema.
        final: The plan in its final schema.
        former: What moves aside.

    Returns:
        Each as Postgres describes it.
    """
    asked = {
        **_numbers(former),
        "staging": quoted(staging.schema),
        "schema": quoted(final.schema),
    }
    return tuple(str(row[0]) for row in connection.execute(_IN_THE_WAY, asked).fetchall())


def refuse(found: tuple[str, ...], why: str, schema: str) -> None:
    """
    Stop where something is in the way.

    Args:
        found: What is, as Postgres describes it.
        why: What it does, as the end of "nothing that".
        schema: Where.

    Raises:
        StepError: There is any.
    """
    if not found:
        return
    more = f"\n  +{len(found) - _SHOWN:,} more" if len(found) > _SHOWN else ""
    raise StepError(
        "step 'publish_release'",
        problem=f"expected nothing that {why}; seen {len(found):,}:\n  "
        + "\n  ".join(found[:_SHOWN])
        + more,
        where=f"the target, schema {schema}",
        remedy="move, rename or drop these by hand, then run again; see runbooks/publishing.md",
    )


def give_up(connection: psycopg.Connection, former: str) -> None:
    """
    Drop what stood there before a release.

    Args:
        connection: In the transaction that makes the release complete.
        former: The schema that took it.

    Raises:
        StepError: Something else relies on it.
    """
    refuse(
        dependents(connection, in_schema(connection, former)), "relies on the former tables", former
    )
    connection.execute(f"DROP SCHEMA IF EXISTS {quoted(former)} CASCADE".encode())
    connection.execute(
        "DELETE FROM deploy.published WHERE object NOT IN (SELECT oid FROM pg_class)"
    )


def in_schema(connection: psycopg.Connection, schema: str) -> tuple[Object, ...]:
    """
    List every relation and function of a schema.

    Args:
        connection: To the target.
        schema: Its name.

    Returns:
        All of them; only good for a look at who relies on them.
    """
    rows = connection.execute(
        "SELECT oid::bigint, relname, 'TABLE' FROM pg_class"
        " WHERE relnamespace = to_regnamespace(%(schema)s)"
        " UNION ALL SELECT oid::bigint, proname, 'FUNCTION' FROM pg_proc"
        " WHERE pronamespace = to_regnamespace(%(schema)s)",
        {"schema": quoted(schema)},
    ).fetchall()
    return tuple(Object(oid, quoted(name), kind) for oid, name, kind in rows)


def _numbers(objects: tuple[Object, ...]) -> dict[str, list[int]]:
    return {
        "relations": [one.oid for one in objects if one.altered != "FUNCTION"],
        "functions": [one.oid for one in objects if one.altered == "FUNCTION"],
    }
