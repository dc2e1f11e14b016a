"""Translates INSERT, UPDATE and DELETE, as they stand in triggers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from pytest_deploy.schema.identifiers import literal, quoted, quoted_list
from pytest_deploy.schema.translation.conversions import stored_as
from pytest_deploy.schema.translation.expressions import Context, Translator
from pytest_deploy.schema.translation.joins import from_clause
from pytest_deploy.schema.translation.parsing import parse_statement
from pytest_deploy.schema.translation.queries import translate_query
from pytest_deploy.schema.translation.scope import Known, Relation, Scope, VisibleColumn
from pytest_deploy.schema.translation.values import UntranslatableError, require, truth

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlglot.expressions.core import Expr


@dataclass(frozen=True)
class Target:
    """
    A table or view that statements may write to.

    Args:
        known: Its columns.
        generated: Names in Postgres of the columns that Postgres computes.
        identity: The column that Postgres assigns, by its name there; None where there is none.
        uniques: The columns of each key or unique index, by their names in Postgres.
        replaceable: Whether putting a row in the place of another is nothing but changing it.
    """

    known: Known
    generated: frozenset[str] = frozenset()
    identity: str | None = None
    uniques: tuple[tuple[str, ...], ...] = ()
    replaceable: bool = True


def translate_statement(
    sql: str, context: Context, targets: Mapping[str, Target], outer: Scope
) -> str:
    """
    Translate a statement that changes rows.

    Args:
        sql: SQLite's text.
        context: What it goes by.
        targets: What may be written to, by name in lower case.
        outer: What it may also refer to: OLD and NEW.

    Returns:
        Postgres' text.

    Raises:
        UntranslatableError: Something in it has no equal that we know.
    """
    node, resolution = parse_statement(sql)
    resolution = resolution or str(node.args.get("alternative") or "")
    rule = {"insert": _insert, "update": _update, "delete": _delete}.get(node.key)
    if rule is None:
        raise UntranslatableError(f"a statement that is {node.key}")
    return rule(node, resolution.upper(), context, targets, outer)


@lru_cache(maxsize=4096)
def changes_of(sql: str) -> frozenset[tuple[str, str]]:
    """
    Name what a statement does to which table.

    Args:
        sql: SQLite's text.

    Returns:
        Pairs of `INSERT`, `UPDATE` or `DELETE` and the table in lower case; none for a query.

    Raises:
        UntranslatableError: It could not be read.
    """
    node, resolution = parse_statement(sql)
    if node.key not in ("insert", "update", "delete"):
        return frozenset()
    events = {node.key.upper()}
    if resolution == "REPLACE" or node.args.get("alternative") or node.args.get("conflict"):
        events.add("UPDATE")  # a row in the way is changed instead
    return frozenset((event, _table_of(node).name.lower()) for event in events)


def _table_of(node: Expr) -> Expr:
    table: Expr = node.this.this if node.this.key == "schema" else node.this
    return table


def _target(node: Expr, targets: Mapping[str, Target]) -> Target:
    name = _table_of(node).name
    found = targets.get(name.lower())
    if found is None:
        raise UntranslatableError(f"{name!r}, which is not there in Postgres,")
    return found


def _insert(
    node: Expr, resolution: str, context: Context, targets: Mapping[str, Target], outer: Scope
) -> str:
    target = _target(node, targets)
    name = _table_of(node).alias or _table_of(node).name
    head = f"INSERT INTO {target.known.sql} AS {quoted(name)}"
    if node.args.get("default"):
        return f"{head} DEFAULT VALUES"
    columns = _columns(node, target)
    source = node.args["expression"]
    if target.identity is not None:
        columns, source = _without_null_key(columns, source, target.identity)
        columns = [_assigned(column, target) for column in columns]
    query = translate_query(source, context, outer=outer, stored=columns)
    listed = quoted_list(tuple(column.name for column in columns))
    conflict = _conflict(node, resolution, target, context, Scope(outer=outer), name)
    return f"{head} ({listed}) {query.sql}{conflict}"


def _columns(node: Expr, target: Target) -> list[VisibleColumn]:
    columns = {column.source.lower(): column for column in target.known.columns}
    if node.this.key != "schema":
        return [c for c in target.known.columns if c.name not in target.generated]
    named = [column.name.lower() for column in node.this.expressions]
    require(all(name in columns for name in named), "a name that is no column of its table")
    return [columns[name] for name in named]


def _assigned(column: VisibleColumn, target: Target) -> VisibleColumn:
    """Let a key that may be NULL be assigned, as SQLite does."""
    if column.name != target.identity:
        return column
    sequence = f"pg_get_serial_sequence({literal(target.known.sql)}, {literal(column.name)})"
    return replace(column, instead_of_null=f"nextval({sequence})")


def _without_null_key(
    columns: list[VisibleColumn], source: Expr, identity: str
) -> tuple[list[VisibleColumn], Expr]:
    """Leave the key out where NULL is given for it: SQLite assigns it then, Postgres refuses."""
    names = [column.name for column in columns]
    if identity not in names:
        return columns, source
    place = names.index(identity)
    rows = source.expressions if source.key == "values" else [source]
    given = [row.expressions[place] for row in rows if len(row.expressions) > place]
    if not given or any(item.key != "null" for item in given):
        return columns, source
    source = source.copy()
    for row in source.expressions if source.key == "values" else [source]:
        row.expressions.pop(place)
    return columns[:place] + columns[place + 1 :], source


def _conflict(
    node: Expr, resolution: str, target: Target, context: Context, scope: Scope, name: str
) -> str:
    said = node.args.get("conflict")
    if said is not None:
        return _upsert(said, target, context, scope, name)
    if resolution == "IGNORE":
        return " ON CONFLICT DO NOTHING"
    if resolution != "REPLACE" or not target.uniques:
        return ""
    require(target.replaceable, "REPLACE of a row that others refer to")
    require(len(target.uniques) == 1, "REPLACE in a table with several keys")
    key = target.uniques[0]
    changed = [
        f"{quoted(c.name)} = EXCLUDED.{quoted(c.name)}"
        for c in target.known.columns
        if c.name not in key and c.name not in target.generated
    ]
    action = f"DO UPDATE SET {', '.join(changed)}" if changed else "DO NOTHING"
    return f" ON CONFLICT ({quoted_list(key)}) {action}"


def _upsert(said: Expr, target: Target, context: Context, scope: Scope, name: str) -> str:
    scope.relations.append(target.known.called(name))
    scope.relations.append(
        Relation("excluded", "EXCLUDED", target.known.columns, by_name_only=True)
    )
    translator = Translator(context, scope)
    keys = said.args.get("conflict_keys") or []
    terms = (translator.column(key.this if key.key == "ordered" else key) for key in keys)
    listed = ", ".join(value.sql.rsplit(".", 1)[-1] for value in terms)
    clause = f" ON CONFLICT ({listed})" if listed else " ON CONFLICT"
    require(said.args.get("index_predicate") is None, "ON CONFLICT with a condition")
    if said.args["action"].name.upper() != "DO UPDATE":
        return f"{clause} DO NOTHING"
    clause += f" DO UPDATE SET {_assignments(said.expressions, target, translator)}"
    where = said.args.get("where")
    return clause + (f" WHERE {truth(translator.of(where.this))}" if where is not None else "")


def _update(
    node: Expr, resolution: str, context: Context, targets: Mapping[str, Target], outer: Scope
) -> str:
    require(resolution in ("", "ABORT", "FAIL", "ROLLBACK"), f"UPDATE OR {resolution}")
    target = _target(node, targets)
    name = node.this.alias or node.this.name
    scope = Scope([target.known.called(name)], outer=outer)
    translator = Translator(context, scope)
    source = node.args.get("from_") or node.args.get("from")
    joined = ""
    if source is not None:
        joined = (
            f" FROM {from_clause(translator, source.this, source.this.args.get('joins') or [])}"
        )
    assigned = _assignments(node.expressions, target, translator)
    return (
        f"UPDATE {target.known.sql} AS {quoted(name)} SET {assigned}{joined}"
        f"{_where(node, translator)}"
    )


def _assignments(nodes: Sequence[Expr], target: Target, translator: Translator) -> str:
    made = assignments_of(nodes, target, translator)
    return ", ".join(f"{quoted(column)} = {sql}" for column, sql in made)


def assignments_of(
    nodes: Sequence[Expr], target: Target, translator: Translator
) -> list[tuple[str, str]]:
    """
    Translate what SET says.

    Args:
        nodes: Its assignments.
        target: The table.
        translator: Sees what they may name.

    Returns:
        Pairs of a column's name in Postgres and SQL of its type.

    Raises:
        UntranslatableError: Something in it has no equal that we know.
    """
    columns = {column.source.lower(): column for column in target.known.columns}
    if target.known.rowid:
        columns.setdefault("rowid", columns[target.known.rowid.lower()])
    assigned: list[tuple[str, str]] = []
    for node in nodes:
        names, values = _pairs(node)
        for name, value in zip(names, values, strict=True):
            column = columns.get(name.name.lower())
            require(column is not None, "a name that is no column of its table")
            assert column is not None
            sql = stored_as(translator.of(value), column, translator.context)
            assigned.append((column.name, sql))
    return assigned


def _pairs(node: Expr) -> tuple[list[Expr], list[Expr]]:
    if node.this.key != "tuple":
        return [node.this], [node.expression]
    require(node.expression.key == "tuple", "several columns set from a query")
    require(len(node.this.expressions) == len(node.expression.expressions), "rows of two lengths")
    return node.this.expressions, node.expression.expressions


def _delete(
    node: Expr, _: str, context: Context, targets: Mapping[str, Target], outer: Scope
) -> str:
    target = _target(node, targets)
    name = node.this.alias or node.this.name
    translator = Translator(context, Scope([target.known.called(name)], outer=outer))
    return f"DELETE FROM {target.known.sql} AS {quoted(name)}{_where(node, translator)}"


def _where(node: Expr, translator: Translator) -> str:
    where = node.args.get("where")
    return f" WHERE {truth(translator.of(where.this))}" if where is not None else ""


def with_rows(columns: Sequence[VisibleColumn], rowid: str | None) -> Scope:
    """
    Give the scope of a trigger's statements.

    Args:
        columns: The columns of the table or view the trigger stands on.
        rowid: The column that is its rowid.

    Returns:
        A scope of OLD and NEW.
    """
    old = Relation("old", "OLD", tuple(columns), rowid, by_name_only=True)
    return Scope([old, replace(old, name="new", alias="NEW")])
