"""Plans keys and indexes: plain, partial, on expressions, and under SQLite's collations."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_deploy.findings import Finding, Severity
from pytest_deploy.schema.columns import KEPT_COLLATIONS
from pytest_deploy.schema.identifiers import fitted, quoted
from pytest_deploy.schema.kinds import Kind
from pytest_deploy.schema.plan import PlannedIndex, PlannedKey, PlannedTerm
from pytest_deploy.schema.relations import alone
from pytest_deploy.schema.tokens import group_after, tokens
from pytest_deploy.schema.translation.expressions import translate, translate_condition
from pytest_deploy.schema.translation.values import Sort, UntranslatableError, folded, require

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_deploy.schema.identifiers import Names
    from pytest_deploy.schema.model import Index, IndexedColumn, Table
    from pytest_deploy.schema.plan import PlannedTable
    from pytest_deploy.schema.translation.expressions import Context

_ORDERS = frozenset({"ASC", "DESC"})


def plan_key(
    planned: PlannedTable, names: Names, *, keeps_primary: bool
) -> tuple[PlannedKey | None, list[PlannedIndex]]:
    """
    Plan a table's primary key.

    Args:
        planned: The table with its columns.
        names: Hands out the names of keys and indexes.
        keeps_primary: False where NULL stands in it: it becomes a unique index.

    Returns:
        The key, and indexes that go with it.
    """
    source = planned.source
    if not source.primary_key:
        return None, []
    columns = tuple(planned.named(name).name for name in source.primary_key)
    name = names.take(fitted(planned.name, also="_pkey"))
    collations = [source.column(column).collation for column in source.primary_key]
    stricter = _stricter(planned, name, tuple(zip(columns, collations, strict=True)), names)
    if keeps_primary:
        return PlannedKey(name, columns), stricter
    terms = tuple(PlannedTerm(column) for column in columns)
    return None, [PlannedIndex(name, terms, unique=True), *stricter]


def plan_unique(
    planned: PlannedTable, index: Index, names: Names
) -> tuple[PlannedKey, list[PlannedIndex]]:
    """
    Plan a UNIQUE constraint.

    Args:
        planned: The table with its columns.
        index: The index that SQLite made for it.
        names: Hands out the names of keys and indexes.

    Returns:
        The constraint, to which foreign keys can refer, and the index that takes texts for
        equal which its collation takes for equal.
    """
    columns = tuple(planned.named(name).name for name in index.columns)
    wanted = fitted("_".join((planned.name, *columns)), also="_key")
    key = PlannedKey(names.take(wanted), columns)
    collations = (term.collation for term in index.terms)
    pairs = tuple(zip(columns, collations, strict=True))
    return key, _stricter(planned, key.name, pairs, names)


def _stricter(
    planned: PlannedTable, name: str, columns: tuple[tuple[str, str], ...], names: Names
) -> list[PlannedIndex]:
    terms = tuple(_folded_term(planned, column, collation) for column, collation in columns)
    if all(term.expression is None for term in terms):
        return []
    return [PlannedIndex(names.take(fitted(name, also="_folded")), terms, unique=True)]


def _folded_term(planned: PlannedTable, column: str, collation: str) -> PlannedTerm:
    kind = next(c.type.kind for c in planned.columns if c.name == column)
    if kind is not Kind.TEXT or collation == "BINARY" or collation not in KEPT_COLLATIONS:
        return PlannedTerm(column)
    return PlannedTerm(column, expression=folded(quoted(column), collation))


def plan_index(
    planned: PlannedTable, index: Index, names: Names, context: Context
) -> tuple[PlannedIndex | None, list[Finding]]:
    """
    Plan what a CREATE INDEX made.

    Args:
        planned: The table with its columns.
        index: The index.
        names: Hands out the names of keys and indexes.
        context: What expressions are translated by.

    Returns:
        The index, None where it has no equal; and findings.
    """
    immutable = replace(context, immutable=True)
    try:
        made = _index(planned, index, immutable)
    except UntranslatableError as error:
        message = f"the index on {planned.source.name} is not made: {error} has no equal we know"
        return None, [Finding("index_not_translated", Severity.RISK, index.name, message)]
    made = replace(made, name=names.take(index.name))
    return made, list(_on_index(planned.source, index))


def _index(planned: PlannedTable, index: Index, context: Context) -> PlannedIndex:
    relation = alone(planned.columns, context.zone)
    texts, condition = _read(index.sql or "") if index.partial or index.has_expression else ([], "")
    terms: list[PlannedTerm] = []
    for place, term in enumerate(index.terms):
        if term.column is not None:
            unreadable = {column.name for column in planned.source.unreadable}
            require(term.column not in unreadable, "a column that only the application can compute")
            made = _folded_term(planned, planned.named(term.column).name, term.collation)
        else:
            value = translate(texts[place], relation, context)
            alike = index.unique and value.mixed
            require(not alike, "what is now a number, now a text, in a unique index,")
            collation = term.collation if value.sort is Sort.TEXT else "BINARY"
            made = _term_of(planned, folded(value.sql, collation))
        terms.append(replace(made, descending=term.descending))
    where = translate_condition(condition, relation, context) if condition else None
    return PlannedIndex(index.name, tuple(terms), index.unique, index, where)


def _term_of(planned: PlannedTable, expression: str) -> PlannedTerm:
    """Say which column it is where nothing is left of an expression but a column."""
    names = (column.name for column in planned.columns if quoted(column.name) == expression)
    name = next(names, None)
    return PlannedTerm("", expression=expression) if name is None else PlannedTerm(name)


def _read(sql: str) -> tuple[list[str], str]:
    """Read the terms of a CREATE INDEX without their order, and its condition."""
    found = list(tokens(sql))
    opening = next(n for n, token in enumerate(found) if token.text == "(")
    inside, closing = group_after(found, opening, sql)
    condition = sql[found[closing + 1].end :] if closing + 1 < len(found) else ""
    return [_without_order(term) for term in _split(inside)], condition.strip().rstrip(";")


def _split(sql: str) -> Iterable[str]:
    start = 0
    for token in tokens(sql):
        if token.text == "," and token.depth == 0:
            yield sql[start : token.start]
            start = token.end
    yield sql[start:]


def _without_order(term: str) -> str:
    found = list(tokens(term))
    return term[: found[-1].start] if found[-1].word in _ORDERS else term


def _on_index(table: Table, index: Index) -> Iterable[Finding]:
    for term in index.terms:
        if _has_own_collation(table, term):
            message = f"COLLATE {term.collation} on {term.column}: Postgres compares by every byte"
            yield Finding("collation_not_kept", Severity.RISK, index.name, message)
    if fitted(index.name) != index.name:
        message = f"longer than Postgres' 63 bytes; it is {fitted(index.name)!r} there"
        yield Finding("name_shortened", Severity.NOTE, index.name, message)


def _has_own_collation(table: Table, term: IndexedColumn) -> bool:
    if term.column is None or term.collation in KEPT_COLLATIONS:
        return False
    return term.collation != table.column(term.column).collation
