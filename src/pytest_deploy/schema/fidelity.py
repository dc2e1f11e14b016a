"""How much of what SQLite declares stands in Postgres, and what does not, with the reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_deploy.schema.constraints import foreign_key_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_deploy.findings import Finding
    from pytest_deploy.schema.plan import PlannedColumn, PlannedTable, SchemaPlan

_ELSEWHERE = "see runbooks/schema-findings.md"
_CODES = {
    "defaults": ("default_not_translated",),
    "foreign keys": ("foreign_key_", "constraint_refused"),
    "generated columns": ("generated_column_not_translated",),
    "not null": ("null_in_not_null",),
}


@dataclass(frozen=True)
class KindKept:
    """
    How many objects of one kind are kept.

    Args:
        kind: `tables`, `columns`, `views` and so on.
        kept: Those that stand in Postgres.
        total: Those that SQLite declares.
    """

    kind: str
    kept: int
    total: int


@dataclass(frozen=True)
class NotKept:
    """
    One object that does not stand in Postgres.

    Args:
        kind: See `KindKept`.
        object: Its name, as findings give it.
        reason: Why.
        remedy: The lines of `deploy.toml` that settle it, or where to read on.
    """

    kind: str
    object: str
    reason: str
    remedy: str


@dataclass(frozen=True)
class Fidelity:
    """
    What became of a schema.

    Args:
        kinds: One for each kind that the source has.
        not_kept: What is missing, in the order of the kinds.
    """

    kinds: tuple[KindKept, ...]
    not_kept: tuple[NotKept, ...]


@dataclass(frozen=True)
class _Object:
    kind: str
    name: str
    kept: bool


def fidelity(
    plan: SchemaPlan, findings: Iterable[Finding], refused: frozenset[str] = frozenset()
) -> Fidelity:
    """
    Count what is kept.

    Args:
        plan: The plan.
        findings: All findings: they give the reasons.
        refused: Labels of constraints that Postgres refused as the rows are.

    Returns:
        The count for each kind, and the list of what is missing.
    """
    objects = [_Object(o.kind, o.name, o.kept and o.name not in refused) for o in _objects(plan)]
    totals = Counter(o.kind for o in objects)
    kept = Counter(o.kind for o in objects if o.kept)
    reasons = _reasons(findings)
    return Fidelity(
        tuple(KindKept(kind, kept[kind], total) for kind, total in totals.items()),
        tuple(_not_kept(o, _reason_of(o, reasons)) for o in objects if not o.kept),
    )


def _reasons(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for finding in findings:
        found.setdefault(finding.object, []).append(finding)
    return found


def _reason_of(lost: _Object, reasons: dict[str, list[Finding]]) -> Finding | None:
    """Choose the finding that is about what is lost: a column may have others."""
    found = reasons.get(lost.name, [])
    own = [f for f in found if f.code.startswith((*_CODES.get(lost.kind, ()), "left_out"))]
    return next(iter(own or reversed(found)), None)


def _not_kept(lost: _Object, finding: Finding | None) -> NotKept:
    reason = finding.message if finding else "left out"
    remedy = (finding.setting if finding else None) or _ELSEWHERE
    return NotKept(lost.kind, lost.name, reason, remedy)


def _objects(plan: SchemaPlan) -> Iterator[_Object]:
    source = plan.source
    for table in plan.tables:
        yield _Object("tables", table.source.name, kept=True)
    for table in plan.tables:
        yield from _columns(table)
    for table in plan.tables:
        yield from _constraints(table)
    views = {view.source.name for view in plan.views}
    triggers = {trigger.source.name for trigger in plan.triggers}
    not_needed = {s.source.name for table in plan.tables for s in table.searches}
    named = {f.object for f in plan.findings if f.code == "trigger_not_needed"}
    for view in source.views:
        yield _Object("views", view.name, view.name in views)
    for trigger in source.triggers:
        yield _Object("triggers", trigger.name, trigger.name in triggers | named)
    for virtual in source.virtual_tables:
        yield _Object(
            "virtual tables" if virtual.module else "tables",
            virtual.name,
            virtual.name in not_needed,
        )


def _columns(table: PlannedTable) -> Iterator[_Object]:
    key = set(table.primary_key.columns) if table.primary_key else set()
    for lost in table.source.unreadable:
        yield _Object("columns", f"{table.source.name}.{lost.name}", kept=False)
    for column in table.columns:
        name = f"{table.source.name}.{column.source.name}"
        yield _Object("columns", name, kept=True)
        if column.source.not_null:
            is_kept = column.not_null or column.identity or column.name in key
            yield _Object("not null", name, is_kept)
        if _has_default(column):
            yield _Object("defaults", name, column.default is not None or column.identity)
        if column.source.generated:
            yield _Object("generated columns", name, column.generated is not None)


def _has_default(column: PlannedColumn) -> bool:
    said = column.source.default
    return said is not None and said.strip("() ").upper() != "NULL"


def _constraints(table: PlannedTable) -> Iterator[_Object]:
    source = table.source
    unique = _unique_columns(table)
    if source.primary_key:
        name = table.primary_key.name if table.primary_key else source.name
        yield _Object("primary keys", name, _names_of(table, source.primary_key) in unique)
    indexes = {index.source.name for index in table.indexes if index.source is not None}
    for index in source.indexes:
        if index.constraint:
            columns = _names_of(table, index.columns)
            yield _Object("unique", unique.get(columns, source.name), columns in unique)
        else:
            yield _Object("indexes", index.name, index.name in indexes)
    foreign_keys = {foreign_key_name(source, key.source) for key in table.foreign_keys}
    for key in source.foreign_keys:
        name = foreign_key_name(source, key)
        yield _Object("foreign keys", name, name in foreign_keys)
    checks = {check.source.name for check in table.checks}
    for check in source.checks:
        yield _Object("checks", f"{source.name}.{check.name}", check.name in checks)


def _names_of(table: PlannedTable, columns: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(table.named(name).name for name in columns)


def _unique_columns(table: PlannedTable) -> dict[tuple[str, ...], str]:
    """Name what makes columns unique: keys, and the indexes that took their place."""
    keys = [*table.uniques, *([table.primary_key] if table.primary_key else [])]
    found = {
        tuple(term.column for term in index.terms): index.name
        for index in table.indexes
        if index.unique and index.where is None
    }
    return found | {key.columns: key.name for key in keys}
