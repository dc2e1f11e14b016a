"""Reads what really stands in Postgres, from its catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

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
SELECT c.relname, k.conname, k.contype::text, pg_get_constraintdef(k.oid), k.convalidated
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE c.relnamespace = to_regnamespace(%s) AND k.contype IN ('p', 'u', 'f', 'c')
ORDER BY c.relname, k.conname
"""
_INDEXES = """
SELECT c.relname, i.relname, x.indisunique, x.indisvalid, pg_get_indexdef(x.indexrelid)
FROM pg_index x
JOIN pg_class i ON i.oid = x.indexrelid
JOIN pg_class c ON c.oid = x.indrelid
WHERE c.relnamespace = to_regnamespace(%s)
  AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = x.indexrelid
                  AND k.contype IN ('p', 'u'))
ORDER BY c.relname, i.relname
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
        definition: As `pg_get_constraintdef` writes it.
        validated: False where it is NOT VALID.
    """

    name: str
    kind: str
    definition: str
    validated: bool


@dataclass(frozen=True)
class CatalogIndex:
    """
    One index that belongs to no constraint.

    Args:
        name: Its name.
        unique: Whether it is unique.
        valid: Whether Postgres uses it.
        definition: As `pg_get_indexdef` writes it.
    """

    name: str
    unique: bool
    valid: bool
    definition: str


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
