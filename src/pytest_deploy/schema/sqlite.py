"""Reads the structure of a SQLite database: the PRAGMAs first, the SQL text for the rest."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import replace
from typing import NamedTuple

from pytest_deploy.schema.declarations import Declarations, read_declarations
from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.schema.model import (
    Column,
    ForeignKey,
    Index,
    IndexedColumn,
    SourceSchema,
    Table,
    Trigger,
    View,
    VirtualTable,
)
from pytest_deploy.schema.unreadable import readable

_GENERATED = {2: "virtual", 3: "stored"}
_ROWID_NAMES = ("rowid", "_rowid_", "oid")
_MOST_COLUMNS = 1_600  # Source: https://www.postgresql.org/docs/current/limits.html
_MODULE = re.compile(r"(?is)\bUSING\s+[\"'`\[]?(\w+)")


class _Listed(NamedTuple):
    """One row of `PRAGMA table_list`: what kind of table it is."""

    kind: str
    without_rowid: bool
    strict: bool


def read_schema(connection: sqlite3.Connection) -> SourceSchema:
    """
    Read all that the database declares.

    Args:
        connection: A read-only connection to the snapshot.

    Returns:
        Its structure; shadow tables and SQLite's own tables are left out.

    Source: https://www.sqlite.org/pragma.html
    """
    listed = _table_list(connection)
    rows = connection.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid"
    ).fetchall()
    named = {kind: [row for row in rows if row[0] == kind] for kind in ("table", "view", "trigger")}
    virtual = tuple(
        VirtualTable(name, _module(sql), sql)
        for _, name, _, sql in named["table"]
        if sql.lstrip().upper().startswith("CREATE VIRTUAL")
    )
    ordinary = {
        name: sql for _, name, _, sql in named["table"] if _is_ordinary(name, listed[name], sql)
    }
    tables = tuple(
        _read_table(connection, name, sql, listed[name]) for name, sql in ordinary.items()
    )
    wide = tuple(t for t in tables if len(t.columns) > _MOST_COLUMNS)
    tables = tuple(readable(connection, table) for table in tables if table not in wide)
    virtual += tuple(VirtualTable(table.name, "", ordinary[table.name]) for table in wide)
    return SourceSchema(
        tables=_with_parents(tables),
        views=tuple(_view(connection, name, sql) for _, name, _, sql in named["view"]),
        triggers=tuple(Trigger(n, table, sql) for _, n, table, sql in named["trigger"]),
        virtual_tables=virtual,
    )


def _table_list(connection: sqlite3.Connection) -> dict[str, _Listed]:
    rows = connection.execute("PRAGMA main.table_list").fetchall()
    return {row[1]: _Listed(row[2], bool(row[4]), bool(row[5])) for row in rows}


def _is_ordinary(name: str, listed: _Listed, sql: str) -> bool:
    if name.lower().startswith("sqlite_") or listed.kind != "table":
        return False
    return not sql.lstrip().upper().startswith("CREATE VIRTUAL")


def _module(sql: str) -> str:
    found = _MODULE.search(sql)
    return found.group(1).lower() if found else ""


def _view(connection: sqlite3.Connection, name: str, sql: str) -> View:
    try:
        cursor = connection.execute(f"SELECT * FROM {quoted(name)} LIMIT 0")
    except sqlite3.Error as error:
        return View(name, sql, str(error))
    return View(name, sql, columns=tuple(column[0] for column in cursor.description))


def _read_table(connection: sqlite3.Connection, name: str, sql: str, listed: _Listed) -> Table:
    said = read_declarations(name, sql)
    info = connection.execute(f"PRAGMA main.table_xinfo({quoted(name)})").fetchall()
    columns = tuple(_column(row, said) for row in info)
    key = tuple(row[1] for row in sorted(info, key=lambda row: row[5]) if row[5])
    indexes, key_has_index = _indexes(connection, name)
    alone = len(key) == 1 and not key_has_index and not listed.without_rowid
    return Table(
        name=name,
        columns=columns,
        primary_key=key,
        rowid_column=key[0] if alone else None,
        without_rowid=listed.without_rowid,
        indexes=indexes,
        foreign_keys=_foreign_keys(connection, name, said),
        checks=said.checks,
        autoincrement=said.autoincrement,
        last_sequence=_last_sequence(connection, name),
        conflict_clauses=said.conflicts,
        rowid_name=None if listed.without_rowid else _rowid_name(columns, key if alone else ()),
        strict=listed.strict,
    )


def _column(row: tuple[object, ...], said: Declarations) -> Column:
    _, name, declared, not_null, default, _, hidden = row
    return Column(
        name=str(name),
        declared=str(declared or ""),
        not_null=bool(not_null),
        default=None if default is None else str(default),
        collation=said.collations.get(str(name).lower(), "BINARY"),
        generated=_GENERATED.get(int(str(hidden))),
        formula=said.formulas.get(str(name).lower()),
    )


def _rowid_name(columns: tuple[Column, ...], alias: tuple[str, ...]) -> str | None:
    taken = {column.name.lower() for column in columns}
    if alias:
        return alias[0]
    return next((name for name in _ROWID_NAMES if name not in taken), None)


def _indexes(connection: sqlite3.Connection, table: str) -> tuple[tuple[Index, ...], bool]:
    """Read a table's indexes, and whether its primary key needed one of its own."""
    listed = connection.execute(f"PRAGMA main.index_list({quoted(table)})").fetchall()
    indexes = tuple(
        _index(connection, name, unique=bool(unique), origin=origin, partial=bool(partial))
        for _, name, unique, origin, partial in reversed(listed)
        if origin != "pk"
    )
    return indexes, any(row[3] == "pk" for row in listed)


def _index(
    connection: sqlite3.Connection, name: str, *, unique: bool, origin: str, partial: bool
) -> Index:
    terms = connection.execute(f"PRAGMA main.index_xinfo({quoted(name)})").fetchall()
    sql = connection.execute(
        "SELECT sql FROM sqlite_schema WHERE type = 'index' AND name = ?", (name,)
    ).fetchone()
    return Index(
        name=name,
        terms=tuple(
            IndexedColumn(column, bool(descending), str(collation).upper())
            for _, _, column, descending, collation, is_key in terms
            if is_key
        ),
        unique=unique,
        constraint=origin == "u",
        sql=sql[0] if sql else None,
        partial=partial,
    )


def _foreign_keys(
    connection: sqlite3.Connection, table: str, said: Declarations
) -> tuple[ForeignKey, ...]:
    rows = connection.execute(f"PRAGMA main.foreign_key_list({quoted(table)})").fetchall()
    numbers = sorted({row[0] for row in rows}, reverse=True)  # the PRAGMA counts from the last one
    keys: list[ForeignKey] = []
    for position, number in enumerate(numbers):
        pairs = sorted((row for row in rows if row[0] == number), key=lambda row: row[1])
        keys.append(
            ForeignKey(
                columns=tuple(row[3] for row in pairs),
                parent=pairs[0][2],
                parent_columns=tuple(row[4] for row in pairs if row[4] is not None),
                on_update=pairs[0][5],
                on_delete=pairs[0][6],
                deferred=position < len(said.deferred) and said.deferred[position],
            )
        )
    return tuple(keys)


def _with_parents(tables: tuple[Table, ...]) -> tuple[Table, ...]:
    """Spell parents and columns as they are declared, and name the columns left unsaid."""
    schema = SourceSchema(tables)
    return tuple(
        replace(
            table,
            foreign_keys=tuple(_resolved(key, table, schema) for key in table.foreign_keys),
        )
        for table in tables
    )


def _resolved(key: ForeignKey, child: Table, schema: SourceSchema) -> ForeignKey:
    columns = tuple(_spelt(child, name) for name in key.columns)
    try:
        parent = schema.table(key.parent)
    except KeyError:
        return replace(key, columns=columns)
    named = key.parent_columns or parent.primary_key
    if len(named) != len(columns):
        return replace(key, columns=columns, parent=parent.name, parent_columns=())
    return replace(
        key,
        columns=columns,
        parent=parent.name,
        parent_columns=tuple(_spelt(parent, name) for name in named),
    )


def _spelt(table: Table, name: str) -> str:
    try:
        return table.column(name).name
    except KeyError:
        return name


def _last_sequence(connection: sqlite3.Connection, table: str) -> int:
    try:
        row = connection.execute(
            "SELECT max(seq) FROM sqlite_sequence WHERE name = ?", (table,)
        ).fetchone()
    except sqlite3.OperationalError:  # no AUTOINCREMENT anywhere, no sqlite_sequence
        return 0
    return int(row[0]) if row and isinstance(row[0], int) else 0
