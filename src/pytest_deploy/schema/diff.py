"""Compares what stands in Postgres with the plan, and the plan with the source."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_deploy.schema.catalog import CatalogConstraint, CatalogIndex
from pytest_deploy.schema.constraints import foreign_key_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_deploy.findings import Finding
    from pytest_deploy.schema.catalog import CatalogColumn, CatalogTable
    from pytest_deploy.schema.plan import PlannedColumn, PlannedIndex, PlannedTable, SchemaPlan


_LOST = "neither planned nor a finding"
# Source: https://www.postgresql.org/docs/current/catalog-pg-constraint.html
_ACTIONS = {"NO ACTION": "a", "RESTRICT": "r", "CASCADE": "c", "SET NULL": "n", "SET DEFAULT": "d"}


def differences(
    plan: SchemaPlan,
    catalog: dict[str, CatalogTable],
    definitions: Mapping[str, str],
    *,
    without: frozenset[str] = frozenset(),
) -> list[str]:
    """
    Name what the plan says and Postgres does not have, or has otherwise.

    Args:
        plan: The plan.
        catalog: What Postgres has.
        definitions: How Postgres writes what it has, see `read_definitions`.
        without: Names of constraints and indexes that were given up with a finding of their own.

    Returns:
        One sentence for each difference.
    """
    found = [f"table {name}: not planned" for name in catalog.keys() - _names(plan)]
    for table in plan.tables:
        there = catalog.get(table.name)
        if there is None:
            found.append(f"table {table.name}: not there")
            continue
        found += [f"table {table.name}: {what}" for what in _in_columns(table, there)]
        found += [f"table {table.name}: {what}" for what in _in_objects(table, there, without)]
    found += _in_definitions(plan.definitions, definitions, without)
    return sorted(found)


def _in_definitions(
    planned: Mapping[str, str], there: Mapping[str, str], without: frozenset[str]
) -> Iterator[str]:
    """Compare texts as Postgres writes them: the planned ones were read back from a trial."""
    for name in sorted(planned.keys() | there.keys()):
        if any(name.endswith((f" {given_up}", f".{given_up}")) for given_up in without):
            continue
        if name not in there:
            yield f"{name}: not there"
        elif name not in planned:
            yield f"{name}: not planned"
        elif planned[name] != there[name]:
            yield f"{name}: not as planned"


def _names(plan: SchemaPlan) -> set[str]:
    return {table.name for table in plan.tables}


def _in_columns(table: PlannedTable, there: CatalogTable) -> Iterator[str]:
    planned = [column.name for column in table.columns]
    planned += [search.name for search in table.searches]
    present = {column.name: column for column in there.columns}
    if planned != list(present):
        missing, extra = set(planned) - set(present), set(present) - set(planned)
        yield f"columns missing {sorted(missing)}, too many {sorted(extra)}, or in another order"
    for column in table.columns:
        if column.name in present:
            yield from _in_column(table, column, present[column.name])


def _in_column(table: PlannedTable, column: PlannedColumn, there: CatalogColumn) -> Iterator[str]:
    wanted = column.type.sql.replace("timestamptz", "timestamp with time zone")
    if there.type != wanted:
        yield f"column {column.name} is {there.type}, planned {wanted}"
    key = table.primary_key.columns if table.primary_key else ()
    not_null = column.not_null or column.identity or column.name in key
    if there.not_null != not_null:
        yield f"column {column.name}: NOT NULL is {there.not_null}, planned {not_null}"
    computed = column.generated is not None or column.default is not None
    if (there.default is not None) != (computed and not column.identity):
        yield f"column {column.name}: default is not as planned"
    if there.identity != column.identity:
        yield f"column {column.name}: identity is {there.identity}, planned {column.identity}"


def _in_objects(table: PlannedTable, there: CatalogTable, without: frozenset[str]) -> Iterator[str]:
    planned = {constraint.name: constraint for constraint in _planned_constraints(table)}
    for name, wanted in planned.items():
        found = there.constraints.get(name)
        if found is None:
            if name not in without:
                yield f"constraint {name}: not there"
        elif wanted != (replace(found, columns=[]) if found.kind == "c" else found):
            yield f"constraint {name}: not as planned"
    for index in table.indexes:
        made = there.indexes.get(index.name)
        if made is None:
            if index.name not in without:
                yield f"index {index.name}: not there"
        elif made != _as_planned(index):
            yield f"index {index.name}: not as planned"
    yield from (f"constraint {n}: not planned" for n in there.constraints.keys() - planned.keys())
    indexes = {index.name for index in table.indexes}
    indexes |= {search.index for search in table.searches}
    yield from (f"index {n}: not planned" for n in there.indexes.keys() - indexes)


def _planned_constraints(table: PlannedTable) -> Iterator[CatalogConstraint]:
    keys = [("u", key) for key in table.uniques]
    if table.primary_key is not None:
        keys.append(("p", table.primary_key))
    for kind, key in keys:
        columns = list(key.columns)
        yield CatalogConstraint(
            key.name, kind, validated=True, columns=columns, parent=None, actions=""
        )
    for check in table.checks:
        yield CatalogConstraint(check.name, "c", check.validated, [], None, "")
    for foreign in table.foreign_keys:
        actions = _ACTIONS[foreign.source.on_delete] + _ACTIONS[foreign.source.on_update]
        columns = list(foreign.columns)
        yield CatalogConstraint(
            foreign.name, "f", foreign.validated, columns, foreign.parent, actions
        )


def _as_planned(index: PlannedIndex) -> CatalogIndex:
    columns = [t.column for t in index.terms if t.shortened is None and t.expression is None]
    return CatalogIndex(index.name, index.unique, valid=True, columns=columns)


def unaccounted(plan: SchemaPlan, findings: tuple[Finding, ...]) -> list[str]:
    """
    Name what the source declares and neither the plan nor a finding mentions.

    Args:
        plan: The plan.
        findings: All findings.

    Returns:
        One sentence for each silent loss.
    """
    named = {finding.object for finding in findings}
    schema = plan.source
    made = {view.source.name for view in plan.views}
    made |= {trigger.source.name for trigger in plan.triggers}
    lost = [
        f"{what} {name}: {_LOST}"
        for what, name in (
            *(("view", view.name) for view in schema.views),
            *(("trigger", trigger.name) for trigger in schema.triggers),
            *(("virtual table", table.name) for table in schema.virtual_tables),
            *(("column", f"{t.name}.{c.name}") for t in schema.tables for c in t.unreadable),
        )
        if name not in named | made
    ]
    for source in schema.tables:
        try:
            lost += _unaccounted_in(plan.table(source.name), named)
        except KeyError:
            lost.append(f"table {source.name}: not planned")
    return lost


def _unaccounted_in(table: PlannedTable, named: set[str]) -> Iterator[str]:
    source = table.source
    planned = {column.source.name: column for column in table.columns}
    indexes = {index.source.name for index in table.indexes if index.source is not None}
    for column in source.columns:
        label = f"{source.name}.{column.name}"
        if column.name not in planned:
            yield f"column {label}: not planned"
        elif label not in named:
            yield from (f"{what} of {label}: {_LOST}" for what in _lost_of(planned[column.name]))
    for index in source.indexes:
        if not index.constraint and index.name not in indexes and index.name not in named:
            yield f"index {index.name}: {_LOST}"
    wanted = sum(index.constraint for index in source.indexes)
    shortened = sum(any(term.shortened for term in index.terms) for index in table.indexes)
    if len(table.uniques) + shortened < wanted and not _named_within(table, named):
        yield f"a UNIQUE constraint of {source.name}: {_LOST}"
    kept = {foreign_key_name(source, key.source) for key in table.foreign_keys}
    for key in source.foreign_keys:
        label = foreign_key_name(source, key)
        if label not in kept and label not in named:
            yield f"foreign key {label}: {_LOST}"
    checks = {f"{source.name}.{check.name}" for check in source.checks}
    missing = len(checks) - len(table.checks) - len(checks & named)
    if missing > 0:
        yield f"{missing} checks of {source.name}: {_LOST}"


def _lost_of(column: PlannedColumn) -> Iterator[str]:
    if _loses_default(column):
        yield "default"
    if column.source.generated and column.generated is None:
        yield "formula"


def _loses_default(column: PlannedColumn) -> bool:
    said = (column.source.default or "NULL").strip("() ").upper()
    return said != "NULL" and column.default is None and not column.identity


def _named_within(table: PlannedTable, named: set[str]) -> bool:
    return any(name.startswith(f"{table.name}_") and name.endswith("_key") for name in named)
