"""The frozen plan: `schema.lock`, what was decided from data, as text that people review."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import ConfigDict, Field

from pytest_deploy.config.fields import Section, Text, TypeName
from pytest_deploy.findings import Severity

if TYPE_CHECKING:
    from pytest_deploy.findings import Finding
    from pytest_deploy.schema.plan import (
        PlannedColumn,
        PlannedForeignKey,
        PlannedIndex,
        PlannedKey,
        PlannedTable,
        SchemaPlan,
    )

FORMAT: Literal[1] = 1
# The key of `deploy.toml` that settles a finding; `keep` settles all others.
_KEYS = {
    "unfit_values": "unfit",
    "null_in_not_null": "nulls",
    "null_in_primary_key": "primary_key",
    "orphans": "orphans",
    "check_violated": "violated",
    "index_row_too_large": "oversized",
    "row_too_large": "too_large",
}

Names = Annotated[tuple[Text, ...], Field(strict=False, min_length=1)]


class LockedColumn(Section):
    """
    One column, by its name in the source.

    Args:
        name: Its name in Postgres, where that is another one.
        type: Its type.
        not_null: Whether it is NOT NULL.
        identity: Whether Postgres assigns it.
        default: Its default expression.
        generated: Its expression, where it is generated.
    """

    name: Text | None = None
    type: TypeName
    not_null: bool = False
    identity: bool = False
    default: str | None = None
    generated: str | None = None


class LockedKey(Section):
    """
    A primary key or a UNIQUE constraint.

    Args:
        name: The constraint's name; None where it is the key that this stands under.
        columns: Names in Postgres.
    """

    name: Text | None = None
    columns: Names


class LockedTerm(Section):
    """
    One term of an index; its fields are those of `PlannedTerm`.

    Args:
        column: Its name in Postgres; None for an expression.
        descending: Whether it is DESC.
        shortened: `prefix` or `digest`.
        expression: Postgres' expression.
    """

    column: Text | None = None
    descending: bool = False
    shortened: Literal["prefix", "digest"] | None = None
    expression: str | None = None


class LockedIndex(Section):
    """
    One index, by its name in Postgres.

    Args:
        terms: In their order.
        unique: Whether it is unique.
        where: The condition of a partial one.
    """

    terms: Annotated[tuple[LockedTerm, ...], Field(strict=False, min_length=1)]
    unique: bool = False
    where: str | None = None


class LockedForeignKey(Section):
    """
    One foreign key, by its constraint's name in Postgres.

    Args:
        columns: The child's.
        parent: The parent's name in Postgres.
        parent_columns: The parent's.
        on_delete: The action.
        on_update: The action.
        deferred: Whether it is DEFERRABLE INITIALLY DEFERRED.
        validated: False where it is NOT VALID.
    """

    columns: Names
    parent: Text
    parent_columns: Names
    on_delete: Text = "NO ACTION"
    on_update: Text = "NO ACTION"
    deferred: bool = False
    validated: bool = True


class LockedCheck(Section):
    """
    One CHECK constraint, by its name in Postgres.

    Args:
        expression: Its condition.
        validated: False where it is NOT VALID.
    """

    expression: str
    validated: bool = True


class LockedSearch(Section):
    """
    A full-text column, by its name in Postgres.

    Args:
        expression: What it is made of.
        index: The index's name.
    """

    expression: str
    index: Text


class LockedTable(Section):
    """
    One table, by its name in the source.

    Args:
        name: Its name in Postgres, where that is another one.
        columns: By name in the source, in their order.
        primary_key: None where it has none.
        uniques: By name.
        indexes: By name.
        foreign_keys: By name.
        checks: By name.
        searches: Full-text columns, by name.
    """

    name: Text | None = None
    columns: dict[str, LockedColumn] = Field(default_factory=dict)
    primary_key: LockedKey | None = None
    uniques: dict[str, LockedKey] = Field(default_factory=dict)
    indexes: dict[str, LockedIndex] = Field(default_factory=dict)
    foreign_keys: dict[str, LockedForeignKey] = Field(default_factory=dict)
    checks: dict[str, LockedCheck] = Field(default_factory=dict)
    searches: dict[str, LockedSearch] = Field(default_factory=dict)


class LockedProgram(Section):
    """
    One view, function or trigger, by its name in Postgres.

    Args:
        sha256: Of its SQL, in hex.
    """

    sha256: Annotated[str, Field(pattern=r"[0-9a-f]{64}")]


class SchemaLock(Section):
    """
    The whole of `schema.lock`.

    Args:
        format: The version of this format.
        schema_: The Postgres schema.
        tables: By name in the source.
        routines: Functions that expressions use, and those of triggers.
        views: Views.
        triggers: Triggers, as `relation.name`.
        remedies: What is done about a finding: by its code, then by its object.
    """

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    format: Literal[1] = FORMAT
    schema_: Annotated[Text, Field(alias="schema")]
    tables: dict[str, LockedTable] = Field(default_factory=dict)
    routines: dict[str, LockedProgram] = Field(default_factory=dict)
    views: dict[str, LockedProgram] = Field(default_factory=dict)
    triggers: dict[str, LockedProgram] = Field(default_factory=dict)
    remedies: dict[str, dict[str, Text]] = Field(default_factory=dict)

    def type_of(self, label: str) -> str | None:
        """
        Look the type of a column up.

        Args:
            label: `table.column`, as the source names them.

        Returns:
            Its type in Postgres; None where the lock has no such column.
        """
        for table, locked in self.tables.items():
            column = locked.columns.get(label.removeprefix(f"{table}."))
            if column is not None and label.startswith(f"{table}."):
                return column.type
        return None

    def remedy(self, key: str, label: str) -> str | None:
        """
        Look a remedy up.

        Args:
            key: The key of `deploy.toml` that would settle it.
            label: The object as a finding names it.

        Returns:
            The remedy; None where the lock has none.
        """
        for code, by_object in self.remedies.items():
            if _KEYS.get(code, "keep") == key and label in by_object:
                return by_object[label]
        return None


def lock_of(plan: SchemaPlan) -> SchemaLock:
    """
    Write a plan down as its lock.

    Args:
        plan: The plan.

    Returns:
        The lock; the same for the same plan.
    """
    functions = [*plan.routines, *(trigger.function for trigger in plan.triggers)]
    return SchemaLock(
        schema_=plan.schema,
        tables={t.source.name: _table(t) for t in plan.tables},
        routines={f"{one.name}({one.arguments})": _program(one.sql) for one in functions},
        views={view.name: _program(view.sql) for view in plan.views},
        triggers={f"{one.relation}.{one.name}": _program(one.sql) for one in plan.triggers},
        remedies=_settled(plan.findings),
    )


def _table(table: PlannedTable) -> LockedTable:
    return LockedTable(
        name=_other(table.name, table.source.name),
        columns={column.source.name: _column(column) for column in table.columns},
        primary_key=_key(table.primary_key),
        uniques={key.name: LockedKey(columns=key.columns) for key in table.uniques},
        indexes={index.name: _index(index) for index in table.indexes},
        foreign_keys={key.name: _foreign_key(key) for key in table.foreign_keys},
        checks={
            check.name: LockedCheck(expression=check.expression, validated=check.validated)
            for check in table.checks
        },
        searches={
            one.name: LockedSearch(expression=one.expression, index=one.index)
            for one in table.searches
        },
    )


def _other(name: str, source: str) -> str | None:
    return None if name == source else name


def _column(column: PlannedColumn) -> LockedColumn:
    return LockedColumn(
        name=_other(column.name, column.source.name),
        type=column.type.name,
        not_null=column.not_null,
        identity=column.identity,
        default=column.default,
        generated=column.generated,
    )


def _key(key: PlannedKey | None) -> LockedKey | None:
    return LockedKey(name=key.name, columns=key.columns) if key is not None else None


def _index(index: PlannedIndex) -> LockedIndex:
    terms = tuple(
        LockedTerm.model_validate(
            {
                "column": term.column or None,
                "descending": term.descending,
                "shortened": term.shortened,
                "expression": term.expression,
            }
        )
        for term in index.terms
    )
    return LockedIndex(terms=terms, unique=index.unique, where=index.where)


def _foreign_key(key: PlannedForeignKey) -> LockedForeignKey:
    return LockedForeignKey(
        columns=key.columns,
        parent=key.parent,
        parent_columns=key.parent_columns,
        on_delete=key.source.on_delete or "NO ACTION",
        on_update=key.source.on_update or "NO ACTION",
        deferred=key.source.deferred,
        validated=key.validated,
    )


def _program(sql: str) -> LockedProgram:
    return LockedProgram(sha256=hashlib.sha256(sql.encode()).hexdigest())


def _settled(findings: tuple[Finding, ...]) -> dict[str, dict[str, str]]:
    """Keep what was chosen, not who chose it: that may move from an option into a file."""
    settled: dict[str, dict[str, str]] = {}
    for finding in findings:
        if finding.severity is Severity.BLOCKER and finding.settled_by is not None:
            remedy = finding.settled_by.rpartition(" (")[0] or finding.settled_by
            settled.setdefault(finding.code, {})[finding.object] = remedy
    return settled
