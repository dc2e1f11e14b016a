"""Plans keys, indexes, foreign keys and checks, and says what cannot be kept."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pytest_deploy.findings import Finding, Severity
from pytest_deploy.schema.expressions import ColumnInPostgres, UntranslatableError, translate
from pytest_deploy.schema.identifiers import Names, column_name, fitted
from pytest_deploy.schema.kinds import Kind
from pytest_deploy.schema.plan import (
    PlannedCheck,
    PlannedForeignKey,
    PlannedIndex,
    PlannedKey,
    PlannedTable,
    PlannedTerm,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_deploy.schema.model import ForeignKey, Index, SourceSchema, Table
    from pytest_deploy.schema.plan import PlannedColumn
    from pytest_deploy.schema.remedies import Remedies


@dataclass(frozen=True)
class Relaxed:
    """
    What the examined rows made the plan give up.

    Args:
        keys_without_primary: Tables whose primary key holds NULL and becomes UNIQUE.
        dropped_foreign_keys: Names, as findings give them, of foreign keys that are left out.
        unvalidated: Names of foreign keys and checks that are kept as NOT VALID.
        dropped_checks: Names of checks that are left out.
    """

    keys_without_primary: set[str] = field(default_factory=set)
    dropped_foreign_keys: set[str] = field(default_factory=set)
    unvalidated: set[str] = field(default_factory=set)
    dropped_checks: set[str] = field(default_factory=set)


def foreign_key_name(table: Table, key: ForeignKey) -> str:
    """
    Name a foreign key as findings and `deploy.toml` do.

    Args:
        table: The child.
        key: The foreign key.

    Returns:
        Such as `mensajes.autor_id`; several columns with commas between.
    """
    return f"{table.name}.{','.join(key.columns)}"


def foreign_keys_that_cannot_be(
    schema: SourceSchema, kinds: dict[tuple[str, str], Kind], remedies: Remedies
) -> tuple[list[Finding], set[str]]:
    """
    Find the foreign keys that Postgres would not take whatever the rows are.

    Args:
        schema: What the source declares.
        kinds: The family of each column's type, by table and column name.
        remedies: Decides.

    Returns:
        A blocker for each, and the names of those to leave out.
    """
    findings: list[Finding] = []
    for table in schema.tables:
        for key in table.foreign_keys:
            reason = _why_not(schema, table, key, kinds)
            if reason is None:
                continue
            code, message = reason
            name = foreign_key_name(table, key)
            decision = remedies.decide("foreign_keys", name, "keep", suggested="drop")
            findings.append(
                Finding(
                    code,
                    Severity.BLOCKER,
                    name,
                    message,
                    remedies=("drop",),
                    suggested="drop",
                    setting=decision.setting,
                    settled_by=decision.settled_by,
                )
            )
    return findings, {finding.object for finding in findings}


def _why_not(
    schema: SourceSchema, table: Table, key: ForeignKey, kinds: dict[tuple[str, str], Kind]
) -> tuple[str, str] | None:
    try:
        parent = schema.table(key.parent)
    except KeyError:
        return "foreign_key_parent_missing", f"refers to {key.parent!r}, which is no table here"
    wanted = set(key.parent_columns)
    whole_keys = [set(parent.primary_key)] + [
        set(index.columns)
        for index in parent.indexes
        if index.unique and not index.partial and not index.has_expression
    ]
    if not wanted or wanted not in whole_keys:
        return (
            "foreign_key_parent_not_unique",
            f"refers to {key.parent} ({', '.join(key.parent_columns)}), which is not unique there",
        )
    for child_column, parent_column in zip(key.columns, key.parent_columns, strict=True):
        child, above = kinds[table.name, child_column], kinds[parent.name, parent_column]
        if child is not above and (child, above) != (Kind.BIGINT, Kind.NUMERIC):
            return (
                "foreign_key_type_mismatch",
                f"{child_column} is {child.value}, {key.parent}.{parent_column} is {above.value}",
            )
    return None


def plan_table(
    table: Table,
    columns: tuple[PlannedColumn, ...],
    schema: SourceSchema,
    relaxed: Relaxed,
    names: Names,
) -> tuple[PlannedTable, list[Finding]]:
    """
    Plan what stands on a table.

    Args:
        table: The table.
        columns: Its planned columns.
        schema: What the source declares.
        relaxed: What the examined rows made us give up.
        names: Hands out the names of keys and indexes; the table has its own already.

    Returns:
        The table, and findings for what cannot be kept.
    """
    findings = [*_on_names(table), *_on_conflict_clauses(table)]
    planned = PlannedTable(name=fitted(table.name), source=table, columns=columns)
    key, indexes = _primary_key(planned, relaxed, names)
    uniques: list[PlannedKey] = []
    for index in table.indexes:
        findings += _on_index(table, index)
        if index.partial or index.has_expression:
            continue
        if index.constraint:
            uniques.append(_unique(planned, index, names))
        else:
            indexes.append(_index(planned, index, names))
    of_table = Names()  # foreign keys and checks share the name space of their table
    checks, refused = _checks(planned, relaxed, of_table)
    return (
        replace(
            planned,
            primary_key=key,
            uniques=tuple(uniques),
            indexes=tuple(indexes),
            foreign_keys=tuple(_foreign_keys(planned, schema, relaxed, of_table)),
            checks=tuple(checks),
        ),
        findings + refused,
    )


def _on_names(table: Table) -> Iterable[Finding]:
    if fitted(table.name) != table.name:
        message = f"longer than Postgres' 63 bytes; it is {fitted(table.name)!r} there"
        yield Finding("name_shortened", Severity.NOTE, table.name, message)


def _on_conflict_clauses(table: Table) -> Iterable[Finding]:
    if table.conflict_clauses:
        said = ", ".join(sorted(set(table.conflict_clauses)))
        message = f"ON CONFLICT {said}: Postgres refuses the row instead"
        yield Finding("on_conflict_not_kept", Severity.RISK, table.name, message)


def _on_index(table: Table, index: Index) -> Iterable[Finding]:
    if index.partial or index.has_expression:
        what = "a partial index" if index.partial else "an index on an expression"
        message = f"{what} on {table.name} is not made"
        yield Finding("index_not_translated", Severity.RISK, index.name, message)
        return
    for term in index.terms:
        declared = table.column(term.column or "").collation
        if term.collation not in ("BINARY", declared):
            message = f"COLLATE {term.collation} on {term.column}: Postgres compares by every byte"
            yield Finding("collation_not_kept", Severity.RISK, index.name, message)
    if not index.constraint and fitted(index.name) != index.name:
        message = f"longer than Postgres' 63 bytes; it is {fitted(index.name)!r} there"
        yield Finding("name_shortened", Severity.NOTE, index.name, message)


def _primary_key(
    planned: PlannedTable, relaxed: Relaxed, names: Names
) -> tuple[PlannedKey | None, list[PlannedIndex]]:
    source = planned.source
    if not source.primary_key:
        return None, []
    columns = tuple(planned.named(name).name for name in source.primary_key)
    name = names.take(fitted(planned.name, also="_pkey"))
    if source.name not in relaxed.keys_without_primary:
        return PlannedKey(name, columns), []
    terms = tuple(PlannedTerm(column) for column in columns)
    return None, [PlannedIndex(name, terms, unique=True)]


def _unique(planned: PlannedTable, index: Index, names: Names) -> PlannedKey:
    columns = tuple(planned.named(name).name for name in index.columns)
    wanted = fitted("_".join((planned.name, *columns)), also="_key")
    return PlannedKey(names.take(wanted), columns)


def _index(planned: PlannedTable, index: Index, names: Names) -> PlannedIndex:
    terms = tuple(
        PlannedTerm(planned.named(term.column or "").name, term.descending) for term in index.terms
    )
    return PlannedIndex(names.take(index.name), terms, index.unique, index)


def _foreign_keys(
    planned: PlannedTable, schema: SourceSchema, relaxed: Relaxed, names: Names
) -> Iterable[PlannedForeignKey]:
    for key in planned.source.foreign_keys:
        name = foreign_key_name(planned.source, key)
        if name in relaxed.dropped_foreign_keys:
            continue
        columns = tuple(planned.named(column).name for column in key.columns)
        yield PlannedForeignKey(
            name=names.take(fitted("_".join((planned.name, *columns)), also="_fkey")),
            columns=columns,
            parent=fitted(schema.table(key.parent).name),
            parent_columns=tuple(column_name(column) for column in key.parent_columns),
            source=key,
            validated=name not in relaxed.unvalidated,
        )


def translatable_checks(
    planned: PlannedTable,
) -> Iterable[tuple[str, str, str | UntranslatableError]]:
    """
    Translate the checks of a table, as far as that can be done.

    Args:
        planned: A table with its columns.

    Yields:
        The check's name, SQLite's text, and Postgres' text or why there is none.
    """
    columns = {
        column.source.name.lower(): ColumnInPostgres(column.name, column.type.kind)
        for column in planned.columns
        if column.source.collation == "BINARY"
    }
    for check in planned.source.checks:
        try:
            yield check.name, check.expression, translate(check.expression, columns)
        except UntranslatableError as error:
            yield check.name, check.expression, error


def _checks(
    planned: PlannedTable, relaxed: Relaxed, names: Names
) -> tuple[list[PlannedCheck], list[Finding]]:
    checks: list[PlannedCheck] = []
    findings: list[Finding] = []
    for name, _, translated in translatable_checks(planned):
        label = f"{planned.source.name}.{name}"
        if isinstance(translated, UntranslatableError):
            message = f"the check is not kept: {translated} has no equal that we know"
            findings.append(Finding("check_not_translated", Severity.RISK, label, message))
        elif label not in relaxed.dropped_checks:
            valid = label not in relaxed.unvalidated
            checks.append(PlannedCheck(names.take(name), translated, valid))
    return checks, findings


def without_dropped(table: PlannedTable, remedies: Remedies) -> tuple[PlannedTable, list[Finding]]:
    """
    Leave out what configuration says is not to be kept.

    Args:
        table: A planned table.
        remedies: Knows each `keep = false`.

    Returns:
        The table without those keys, indexes, checks and foreign keys; a note for each.
    """
    left_out: list[Finding] = []

    def kept(section: str, label: str) -> bool:
        if remedies.configured(section, label, "keep") != "drop":
            return True
        message = "left out, as deploy.toml says"
        left_out.append(Finding("left_out", Severity.NOTE, label, message))
        return False

    def label(index: PlannedIndex) -> str:
        return index.source.name if index.source else index.name

    source, key = table.source, table.primary_key
    return replace(
        table,
        primary_key=key if key and kept("indexes", key.name) else None,
        uniques=tuple(u for u in table.uniques if kept("indexes", u.name)),
        indexes=tuple(i for i in table.indexes if kept("indexes", label(i))),
        checks=tuple(c for c in table.checks if kept("checks", f"{source.name}.{c.name}")),
        foreign_keys=tuple(
            f
            for f in table.foreign_keys
            if kept("foreign_keys", foreign_key_name(source, f.source))
        ),
    ), left_out


def not_translated(schema: SourceSchema) -> list[Finding]:
    """
    Name the views, triggers and virtual tables that stay behind.

    Args:
        schema: What the source declares.

    Returns:
        A risk for each.
    """
    risk = Severity.RISK
    views = [
        Finding("view_broken_in_source", risk, view.name, f"SQLite cannot run it: {view.error}")
        if view.error
        else Finding("view_not_translated", risk, view.name, "the view is not made")
        for view in schema.views
    ]
    triggers = [
        Finding("trigger_not_translated", risk, t.name, f"the trigger on {t.table} is not made")
        for t in schema.triggers
    ]
    virtual = [
        Finding("virtual_table", risk, v.name, f"a virtual table of module {v.module}: not made")
        for v in schema.virtual_tables
    ]
    return views + triggers + virtual
