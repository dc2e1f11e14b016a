"""Reads what really stands in Postgres, from its catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_deploy.schema.identifiers import quoted

if TYPE_CHECKING:
    import psycopg

# 18 keeps NOT NULL in pg_constraint too (contype n): it is read from pg_attribute only.
_COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
       pg_get_expr(d.adbin, d.adrelid), a.attidentity <> ''
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = to_regnamespace(%s) AND c.relkind IN ('r', 'p')
ORDER BY c.relname, a.attnum
"""
_CONSTRAINTS = """
SELECT c.relname, k.conname, k.contype::text, k.convalidated,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS u (number, place)
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number
             ORDER BY u.place),
       (SELECT p.relname::text FROM pg_class p WHERE p.oid = k.confrelid),
       trim(k.confdeltype::text || k.confupdtype::text)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE c.relnamespace = to_regnamespace(%s) AND k.contype IN ('p', 'u', 'f', 'c')
ORDER BY c.relname, k.conname
"""
_INDEXES = """
SELECT c.relname, i.relname, x.indisunique, x.indisvalid,
       ARRAY(SELECT a.attname::text FROM unnest(x.indkey) WITH ORDINALITY AS u (number, place)
             JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = u.number
             ORDER BY u.place)
FROM pg_index x
JOIN pg_class i ON i.oid = x.indexrelid
JOIN pg_class c ON c.oid = x.indrelid
WHERE c.relnamespace = to_regnamespace(%s)
  AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = x.indexrelid
                  AND k.contype IN ('p', 'u'))
ORDER BY c.relname, i.relname
"""


_DEFINITIONS = """
SELECT 'column ' || c.relname || '.' || a.attname, pg_get_expr(d.adbin, d.adrelid)
FROM pg_attrdef d
JOIN pg_class c ON c.oid = d.adrelid
JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
WHERE c.relnamespace = to_regnamespace(%(schema)s)
UNION ALL
SELECT 'constraint ' || c.relname || '.' || k.conname, pg_get_constraintdef(k.oid)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE c.relnamespace = to_regnamespace(%(schema)s) AND k.contype IN ('p', 'u', 'f', 'c')
UNION ALL
SELECT 'index ' || i.relname, pg_get_indexdef(i.oid)
FROM pg_class i WHERE i.relnamespace = to_regnamespace(%(schema)s) AND i.relkind = 'i'
UNION ALL
SELECT 'view ' || v.relname, pg_get_viewdef(v.oid) || coalesce(v.reloptions::text, '')
FROM pg_class v WHERE v.relnamespace = to_regnamespace(%(schema)s) AND v.relkind = 'v'
UNION ALL
SELECT 'trigger ' || c.relname || '.' || t.tgname, pg_get_triggerdef(t.oid) || t.tgenabled::text
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace = to_regnamespace(%(schema)s) AND NOT t.tgisinternal
UNION ALL
SELECT 'function ' || p.proname, pg_get_functiondef(p.oid)
FROM pg_proc p WHERE p.pronamespace = to_regnamespace(%(schema)s) AND p.prokind = 'f'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
"""


@dataclass(frozen=True)
class CatalogColumn:
    """
    One column as Postgres has it.

    Args:
        name: Its name.
        type: Its type, as `format_type` writes it.
        not_null: Whether it is NOT NULL.
        default: Its default expression; None where there is none.
        identity: Whether it is an identity column.
    """

    name: str
    type: str
    not_null: bool
    default: str | None
    identity: bool


@dataclass(frozen=True)
class CatalogConstraint:
    """
    One key, check or foreign key as Postgres has it.

    Args:
        name: Its name.
        kind: `p`, `u`, `f` or `c`.
        validated: False where it is NOT VALID.
        columns: Its columns, in their order; of a check those that it names.
        parent: The table that a foreign key refers to; None for others.
        actions: One letter each for ON DELETE and ON UPDATE of a foreign key.
    """

    name: str
    kind: str
    validated: bool
    columns: list[str]
    parent: str | None
    actions: str


@dataclass(frozen=True)
class CatalogIndex:
    """
    One index that belongs to no constraint.

    Args:
        name: Its name.
        unique: Whether it is unique.
        valid: Whether Postgres uses it.
        columns: Its columns, in their order; expressions have none.
    """

    name: str
    unique: bool
    valid: bool
    columns: list[str]


@dataclass(frozen=True)
class CatalogTable:
    """
    One table as Postgres has it.

    Args:
        columns: In their order.
        constraints: By name.
        indexes: By name.
    """

    columns: tuple[CatalogColumn, ...]
    constraints: dict[str, CatalogConstraint]
    indexes: dict[str, CatalogIndex]


def read_definitions(connection: psycopg.Connection, schema: str) -> dict[str, str]:
    """
    Read how Postgres itself writes what stands in a schema.

    Args:
        connection: To the target.
        schema: The schema's name.

    Returns:
        Text by kind and name: defaults and formulas of columns, constraints, indexes, views,
        triggers and functions.

    Source: https://www.postgresql.org/docs/current/functions-info.html
    """
    rows = connection.execute(_DEFINITIONS, {"schema": quoted(schema)}).fetchall()
    return {str(name): str(text) for name, text in rows}


def read_catalog(connection: psycopg.Connection, schema: str) -> dict[str, CatalogTable]:
    """
    Read all tables of a schema.

    Args:
        connection: To the target.
        schema: The schema's name, quoted where it must be.

    Returns:
        Tables by name; none where there is no such schema.

    Source: https://www.postgresql.org/docs/current/catalogs.html
    """
    columns: dict[str, list[CatalogColumn]] = {}
    for table, *rest in connection.execute(_COLUMNS, (schema,)):
        columns.setdefault(table, []).append(CatalogColumn(*rest))
    constraints: dict[str, dict[str, CatalogConstraint]] = {name: {} for name in columns}
    for table, *rest in connection.execute(_CONSTRAINTS, (schema,)):
        constraints[table][rest[0]] = CatalogConstraint(*rest)
    indexes: dict[str, dict[str, CatalogIndex]] = {name: {} for name in columns}
    for table, *rest in connection.execute(_INDEXES, (schema,)):
        indexes[table][rest[0]] = CatalogIndex(*rest)
    return {
        name: CatalogTable(tuple(found), constraints[name], indexes[name])
        for name, found in columns.items()
    }
