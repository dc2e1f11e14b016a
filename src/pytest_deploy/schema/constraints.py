"""Plans keys, indexes, foreign keys and checks, and says what cannot be kept."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pytest_deploy.findings import Finding, Severity
from pytest_deploy.schema.identifiers import Names, column_name, fitted
from pytest_deploy.schema.indexes import plan_index, plan_key, plan_unique
from pytest_deploy.schema.kinds import Kind
from pytest_deploy.schema.plan import PlannedCheck, PlannedForeignKey, PlannedKey, PlannedTable
from pytest_deploy.schema.relations import alone
from pytest_deploy.schema.translation.expressions import translate_condition
from pytest_deploy.schema.translation.values import UntranslatableError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_deploy.schema.model import Check, ForeignKey, SourceSchema, Table
    from pytest_deploy.schema.plan import PlannedColumn, PlannedIndex
    from pytest_deploy.schema.remedies import Remedies
    from pytest_deploy.schema.translation.expressions import Context


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


def refers_by_collation(schema: SourceSchema, key: ForeignKey) -> bool:
    """
    Tell whether SQLite finds the parent of a foreign key by a collation: `ANA` under `Ana`.

    Args:
        schema: What the source declares.
        key: The foreign key.

    Returns:
        Whether it does; Postgres wants the same letters.
    """
    try:
        parent = schema.table(key.parent)
    except KeyError:
        return False
    return any(parent.column(name).collation != "BINARY" for name in key.parent_columns)


def _on_collations(table: Table, schema: SourceSchema) -> Iterable[Finding]:
    for key in table.foreign_keys:
        if refers_by_collation(schema, key):
            message = f"SQLite finds {key.parent} without regard to case, Postgres by its letters"
            name = foreign_key_name(table, key)
            yield Finding("foreign_key_by_letters", Severity.RISK, name, message)


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
    context: Context,
) -> tuple[PlannedTable, list[Finding]]:
    """
    Plan what stands on a table.

    Args:
        table: The table.
        columns: Its planned columns.
        schema: What the source declares.
        relaxed: What the examined rows made us give up.
        names: Hands out the names of keys and indexes; the table has its own already.
        context: What expressions are translated by.

    Returns:
        The table, and findings for what cannot be kept.
    """
    findings = [*_on_names(table), *_on_conflict_clauses(table), *_on_collations(table, schema)]
    planned = PlannedTable(name=fitted(table.name), source=table, columns=columns)
    keeps_primary = table.name not in relaxed.keys_without_primary
    key, indexes = plan_key(planned, names, keeps_primary=keeps_primary)
    uniques: list[PlannedKey] = []
    for index in table.indexes:
        if index.constraint:
            unique, stricter = plan_unique(planned, index, names)
            uniques.append(unique)
            indexes += stricter
            continue
        made, found = plan_index(planned, index, names, context)
        indexes += [made] if made else []
        findings += found
    of_table = Names()  # foreign keys and checks share the name space of their table
    checks, refused = _checks(planned, relaxed, of_table, context)
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
    planned: PlannedTable, context: Context
) -> Iterable[tuple[Check, str | UntranslatableError]]:
    """
    Translate the checks of a table, as far as that can be done.

    Args:
        planned: A table with its columns.
        context: What expressions are translated by.

    Yields:
        The check, and Postgres' text or why there is none.
    """
    relation = alone(planned.columns, context.zone)
    for check in planned.source.checks:
        try:
            yield check, translate_condition(check.expression, relation, context)
        except UntranslatableError as error:
            yield check, error


def _checks(
    planned: PlannedTable, relaxed: Relaxed, names: Names, context: Context
) -> tuple[list[PlannedCheck], list[Finding]]:
    checks: list[PlannedCheck] = []
    findings: list[Finding] = []
    for check, translated in translatable_checks(planned, context):
        label = f"{planned.source.name}.{check.name}"
        if isinstance(translated, UntranslatableError):
            message = f"the check is not kept: {translated} has no equal that we know"
            findings.append(Finding("check_not_translated", Severity.RISK, label, message))
        elif label not in relaxed.dropped_checks:
            valid = label not in relaxed.unvalidated
            checks.append(PlannedCheck(names.take(check.name), translated, check, valid))
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
        checks=tuple(c for c in table.checks if kept("checks", f"{source.name}.{c.source.name}")),
        foreign_keys=tuple(
            f
            for f in table.foreign_keys
            if kept("foreign_keys", foreign_key_name(source, f.source))
        ),
    ), left_out
