"""What a SQLite database says of its structure, as frozen records."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Affinity(StrEnum):
    """
    The storage that SQLite prefers for a column.

    Source: https://www.sqlite.org/datatype3.html#determination_of_column_affinity
    """

    INTEGER = "INTEGER"
    TEXT = "TEXT"
    BLOB = "BLOB"
    REAL = "REAL"
    NUMERIC = "NUMERIC"


def affinity_of(declared: str) -> Affinity:
    """
    Apply SQLite's five rules, in their order.

    Args:
        declared: The declared type as written; empty where there is none.

    Returns:
        The column's affinity.
    """
    name = declared.upper()
    if "INT" in name:
        return Affinity.INTEGER
    if any(word in name for word in ("CHAR", "CLOB", "TEXT")):
        return Affinity.TEXT
    if "BLOB" in name or not name:
        return Affinity.BLOB
    if any(word in name for word in ("REAL", "FLOA", "DOUB")):
        return Affinity.REAL
    return Affinity.NUMERIC


@dataclass(frozen=True)
class Column:
    """
    One column of a table.

    Args:
        name: As declared.
        declared: The declared type as written; empty where there is none.
        not_null: Whether NOT NULL was declared.
        default: The default's SQL text; None where there is none.
        collation: The name of its collation, upper case; BINARY unless declared.
        generated: `stored`, `virtual` or None.
        formula: The expression of a generated column; None for others.
    """

    name: str
    declared: str
    not_null: bool
    default: str | None
    collation: str = "BINARY"
    generated: str | None = None
    formula: str | None = None

    @property
    def affinity(self) -> Affinity:
        """SQLite's affinity for the declared type."""
        return affinity_of(self.declared)


@dataclass(frozen=True)
class IndexedColumn:
    """
    One term of an index.

    Args:
        column: The column's name; None for an expression.
        descending: Whether DESC was said.
        collation: The collation in force for this term, upper case.
    """

    column: str | None
    descending: bool = False
    collation: str = "BINARY"


@dataclass(frozen=True)
class Index:
    """
    One index, made by CREATE INDEX or by a UNIQUE constraint.

    Args:
        name: SQLite's name, also of an automatic index.
        terms: In their order.
        unique: Whether it is unique.
        constraint: Whether a UNIQUE constraint made it: it has no name of the user's.
        sql: The CREATE INDEX statement; None for a constraint's.
        partial: Whether it has a WHERE clause.
    """

    name: str
    terms: tuple[IndexedColumn, ...]
    unique: bool
    constraint: bool
    sql: str | None
    partial: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its columns; expressions have none."""
        return tuple(term.column for term in self.terms if term.column is not None)

    @property
    def has_expression(self) -> bool:
        """Whether one of its terms is an expression."""
        return any(term.column is None for term in self.terms)


@dataclass(frozen=True)
class ForeignKey:
    """
    One foreign key.

    Args:
        columns: The child's columns.
        parent: The parent table's name, as that table declares it where it exists.
        parent_columns: The parent's columns; empty where the parent has no key to refer to.
        on_update: The action, upper case.
        on_delete: The action, upper case.
        deferred: Whether DEFERRABLE INITIALLY DEFERRED was said.
    """

    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]
    on_update: str
    on_delete: str
    deferred: bool = False


@dataclass(frozen=True)
class Check:
    """
    One CHECK constraint.

    Args:
        name: The user's name, else `<table>_check`, `<table>_check1` and so on.
        expression: The SQL text between its parentheses.
    """

    name: str
    expression: str


@dataclass(frozen=True)
class Table:
    """
    One ordinary table.

    Args:
        name: As declared.
        columns: In their order, generated ones included.
        primary_key: The key's columns in key order; empty where there is no key.
        rowid_column: The INTEGER PRIMARY KEY that stands for the rowid; None where there is none.
        without_rowid: Whether the table is WITHOUT ROWID.
        indexes: UNIQUE constraints and CREATE INDEX, not the primary key's.
        foreign_keys: In the order of their declaration.
        checks: In the order of their declaration.
        autoincrement: Whether AUTOINCREMENT was said.
        last_sequence: What `sqlite_sequence` says; 0 where it says nothing.
        conflict_clauses: The ON CONFLICT resolutions declared, other than ABORT.
        rowid_name: A name by which the rowid can be asked for; None where there is none.
        strict: Whether the table is STRICT.
        unreadable: Virtual columns that call what only the application has: SQLite has no values
            of them, and they are none of `columns`.
    """

    name: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...] = ()
    rowid_column: str | None = None
    without_rowid: bool = False
    indexes: tuple[Index, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    checks: tuple[Check, ...] = ()
    autoincrement: bool = False
    last_sequence: int = 0
    conflict_clauses: tuple[str, ...] = ()
    rowid_name: str | None = "rowid"
    strict: bool = False
    unreadable: tuple[Column, ...] = ()

    @property
    def identity(self) -> tuple[str, ...]:
        """
        The columns that tell one row from any other in SQLite: the rowid, else the key.

        All columns where neither can be named: three columns may hide every name of the rowid.
        """
        if self.rowid_name:
            return (self.rowid_name,)
        return self.primary_key or tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """
        Look a column up, as SQLite does: without regard to case.

        Args:
            name: Its name.

        Returns:
            The column.

        Raises:
            KeyError: There is none of that name.
        """
        for column in self.columns:
            if column.name.lower() == name.lower():
                return column
        raise KeyError(name)


@dataclass(frozen=True)
class View:
    """
    One view.

    Args:
        name: As declared.
        sql: The CREATE VIEW statement.
        error: Why SQLite itself cannot run it; None where it can.
        columns: The names that SQLite gives to its columns.
    """

    name: str
    sql: str
    error: str | None = None
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trigger:
    """
    One trigger.

    Args:
        name: As declared.
        table: The table or view it stands on.
        sql: The CREATE TRIGGER statement.
    """

    name: str
    table: str
    sql: str


@dataclass(frozen=True)
class VirtualTable:
    """
    One virtual table; its shadow tables are left out of the schema.

    Args:
        name: As declared.
        module: `fts5`, `rtree` and so on, lower case; empty for an ordinary table of more columns
            than Postgres allows, which is left out as one of an unknown module is.
        sql: The CREATE TABLE statement.
    """

    name: str
    module: str
    sql: str


@dataclass(frozen=True)
class SourceSchema:
    """
    Everything a database declares.

    Args:
        tables: Ordinary tables in the order of their creation.
        views: Views in the order of their creation.
        triggers: Triggers in the order of their creation.
        virtual_tables: Virtual tables in the order of their creation.
    """

    tables: tuple[Table, ...]
    views: tuple[View, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    virtual_tables: tuple[VirtualTable, ...] = ()

    def table(self, name: str) -> Table:
        """
        Look a table up, as SQLite does: without regard to case.

        Args:
            name: Its name.

        Returns:
            The table.

        Raises:
            KeyError: There is none of that name.
        """
        for table in self.tables:
            if table.name.lower() == name.lower():
                return table
        raise KeyError(name)
