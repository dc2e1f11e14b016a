"""What will stand in Postgres: the plan that steps carry out and gates compare with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_deploy.findings import Finding
    from pytest_deploy.schema.dates import DateForm
    from pytest_deploy.schema.kinds import TargetType
    from pytest_deploy.schema.model import (
        Check,
        Column,
        ForeignKey,
        Index,
        SourceSchema,
        Table,
        Trigger,
        View,
        VirtualTable,
    )


@dataclass(frozen=True)
class PlannedColumn:
    """
    One column.

    Args:
        name: Its name in Postgres.
        source: The column it comes from.
        type: Its type in Postgres.
        not_null: Whether it is NOT NULL there; the primary key's columns always are.
        default: Postgres' default expression; None where there is none.
        identity: Whether Postgres assigns it: the INTEGER PRIMARY KEY.
        generated: Postgres' expression of a generated column, always stored; None for others.
        form: The one form in which SQLite writes its dates; None where there are several.
        mixed: Whether SQLite has numbers and texts in it, and Postgres has texts.
        reals: Whether some of those numbers are reals, which SQLite writes in a form of its own.
        stored: The one storage class of all its values; None where there are several, or none.
    """

    name: str
    source: Column
    type: TargetType
    not_null: bool
    default: str | None = None
    identity: bool = False
    generated: str | None = None
    form: DateForm | None = None
    mixed: bool = False
    reals: bool = False
    stored: str | None = None


@dataclass(frozen=True)
class PlannedKey:
    """
    A primary key or a UNIQUE constraint.

    Args:
        name: The constraint's name in Postgres.
        columns: Names in Postgres.
    """

    name: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class PlannedTerm:
    """
    One term of an index.

    Args:
        column: Its name in Postgres; empty for an expression.
        descending: Whether it is DESC.
        shortened: `prefix` or `digest` where the whole value is too large for an index row.
        expression: Postgres' expression, where the term is not a column as it is.
    """

    column: str
    descending: bool = False
    shortened: str | None = None
    expression: str | None = None


@dataclass(frozen=True)
class PlannedIndex:
    """
    One index.

    Args:
        name: Its name in Postgres.
        terms: In their order.
        unique: Whether it is unique.
        source: The index it comes from; None for a primary key that could not stay one.
        where: Postgres' condition of a partial index; None for a whole one.
    """

    name: str
    terms: tuple[PlannedTerm, ...]
    unique: bool
    source: Index | None = None
    where: str | None = None


@dataclass(frozen=True)
class PlannedForeignKey:
    """
    One foreign key.

    Args:
        name: The constraint's name in Postgres.
        columns: The child's columns in Postgres.
        parent: The parent's name in Postgres.
        parent_columns: The parent's columns in Postgres.
        source: The foreign key it comes from.
        validated: False to keep orphans: NOT VALID.
    """

    name: str
    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]
    source: ForeignKey
    validated: bool = True


@dataclass(frozen=True)
class PlannedCheck:
    """
    One CHECK constraint.

    Args:
        name: The constraint's name in Postgres.
        expression: Postgres' condition.
        source: The check it comes from.
        validated: False to keep rows that violate it: NOT VALID.
    """

    name: str
    expression: str
    source: Check
    validated: bool = True


@dataclass(frozen=True)
class PlannedSearch:
    """
    What a full-text table becomes: a column of its content table, and an index on it.

    Args:
        name: The column's name in Postgres.
        expression: What it is made of, of type `tsvector`.
        index: The index's name.
        source: The full-text table.
    """

    name: str
    expression: str
    index: str
    source: VirtualTable


@dataclass(frozen=True)
class PlannedTable:
    """
    One table.

    Args:
        name: Its name in Postgres.
        source: The table it comes from.
        columns: In their order.
        primary_key: None where the source has none, or it could not stay one.
        uniques: UNIQUE constraints.
        indexes: Indexes.
        foreign_keys: Foreign keys.
        checks: CHECK constraints.
        searches: Full-text columns, which no column of the source is.
    """

    name: str
    source: Table
    columns: tuple[PlannedColumn, ...]
    primary_key: PlannedKey | None = None
    uniques: tuple[PlannedKey, ...] = ()
    indexes: tuple[PlannedIndex, ...] = ()
    foreign_keys: tuple[PlannedForeignKey, ...] = ()
    checks: tuple[PlannedCheck, ...] = ()
    searches: tuple[PlannedSearch, ...] = ()

    @property
    def written(self) -> tuple[PlannedColumn, ...]:
        """The columns that rows are written to: Postgres computes the generated ones."""
        return tuple(column for column in self.columns if column.generated is None)

    @property
    def identity(self) -> PlannedColumn | None:
        """The column that Postgres assigns; None where there is none."""
        return next((column for column in self.columns if column.identity), None)

    def named(self, source_name: str) -> PlannedColumn:
        """
        Look a column up by its name in SQLite.

        Args:
            source_name: Its name in the source.

        Returns:
            The column.

        Raises:
            KeyError: There is none of that name.
        """
        for column in self.columns:
            if column.source.name.lower() == source_name.lower():
                return column
        raise KeyError(source_name)


@dataclass(frozen=True)
class PlannedRoutine:
    """
    One function: of a trigger, or one that says what SQLite's function of that kind says.

    Args:
        name: Its name in Postgres.
        sql: The CREATE FUNCTION statement.
        arguments: The types of its arguments, as DROP FUNCTION wants them.
    """

    name: str
    sql: str
    arguments: str = ""


@dataclass(frozen=True)
class ViewColumn:
    """
    One column of a view.

    Args:
        name: Its name in Postgres.
        type: Its type in Postgres.
        computed: Whether an expression makes it: reals may then differ in their last digits.
    """

    name: str
    type: TargetType
    computed: bool = True


@dataclass(frozen=True)
class PlannedView:
    """
    One view.

    Args:
        name: Its name in Postgres.
        source: The view it comes from.
        columns: In their order.
        sql: The CREATE VIEW statement.
    """

    name: str
    source: View
    columns: tuple[ViewColumn, ...]
    sql: str


@dataclass(frozen=True)
class PlannedTrigger:
    """
    One trigger.

    Args:
        name: Its name in Postgres.
        relation: The table or view it stands on, by its name in Postgres.
        source: The trigger it comes from.
        function: What it runs.
        sql: The CREATE TRIGGER statement.
    """

    name: str
    relation: str
    source: Trigger
    function: PlannedRoutine
    sql: str


@dataclass(frozen=True)
class SchemaPlan:
    """
    The whole schema.

    Args:
        schema: The Postgres schema it is made in.
        major: The major version of the Postgres it is made for.
        source: What the database declares.
        tables: In the source's order.
        findings: What could not be kept, or only with a remedy.
        routines: Functions that expressions use; those of triggers stand with the triggers.
        views: In an order in which each finds those it reads.
        triggers: In the source's order.
        definitions: How Postgres itself writes each object, by kind and name; empty until tried.
    """

    schema: str
    major: int
    source: SourceSchema
    tables: tuple[PlannedTable, ...]
    findings: tuple[Finding, ...] = ()
    routines: tuple[PlannedRoutine, ...] = ()
    views: tuple[PlannedView, ...] = ()
    triggers: tuple[PlannedTrigger, ...] = ()
    definitions: Mapping[str, str] = field(default_factory=dict)

    def table(self, source_name: str) -> PlannedTable:
        """
        Look a table up by its name in SQLite.

        Args:
            source_name: Its name in the source.

        Returns:
            The table.

        Raises:
            KeyError: There is none of that name.
        """
        for table in self.tables:
            if table.source.name.lower() == source_name.lower():
                return table
        raise KeyError(source_name)
