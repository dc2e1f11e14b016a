"""Translates FROM clauses: tables, subqueries and joins."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_deploy.schema.identifiers import quoted, quoted_list
from pytest_deploy.schema.translation import json
from pytest_deploy.schema.translation.comparisons import equal
from pytest_deploy.schema.translation.scope import Known, Relation, VisibleColumn
from pytest_deploy.schema.translation.values import Sort, require, truth

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlglot.expressions.core import Expr

    from pytest_deploy.schema.translation.expressions import Translator

_OTHER_SIDES = frozenset({"RIGHT", "FULL"})


def from_clause(t: Translator, first: Expr, joins: Sequence[Expr]) -> str:
    """
    Translate what stands behind FROM, and let the translator see its columns.

    Args:
        t: The translator; its scope gets the relations.
        first: The first table or subquery.
        joins: The others.

    Returns:
        SQL.

    Raises:
        UntranslatableError: Something in it has no equal that we know.

    Source: https://www.sqlite.org/lang_select.html#the_from_clause
    """
    sql = _source(t, first)
    for join in joins:
        left = list(t.scope.relations)
        right = _source(t, join.this)
        sql += " " + _joined(t, join, left, right)
    return sql


def _source(t: Translator, node: Expr) -> str:
    if node.key == "table":
        return _table(t, node)
    if node.key == "values":
        return _subquery(t, node, node)
    require(node.key == "subquery", f"FROM {node.key}")
    if node.this.key == "table":
        return f"({_table(t, node.this)})"
    sql = _subquery(t, node, node.this)
    nested = node.args.get("joins") or []
    return f"({sql}{_nested(t, nested)})" if nested else sql


def _table(t: Translator, node: Expr) -> str:
    if node.this.key == "anonymous" and node.this.name.lower() == "json_each":
        return _json_each(t, node)
    require(node.this.key == "identifier", "a table-valued function")
    database = node.args["db"].name.lower() if node.args.get("db") else "main"
    require(database == "main", f"a table of the database {database!r}")
    known = t.context.database.named(node.name)
    relation = known.called(node.alias or node.name)
    t.scope.relations.append(relation)
    return f"{known.sql} AS {relation.alias}" + _nested(t, node.args.get("joins") or [])


def _json_each(t: Translator, node: Expr) -> str:
    """Call what takes a document apart: it may name the tables before it."""
    sql, name = json.each(t, node.this.expressions), node.alias or "json_each"
    columns = (
        VisibleColumn("key", "key", Sort.TEXT, mixed=True, numeric=True),
        VisibleColumn("value", "value", Sort.TEXT, mixed=True, document="item"),
        VisibleColumn("type", "type", Sort.TEXT),
        VisibleColumn("atom", "atom", Sort.TEXT, mixed=True, document="item"),
    )
    relation = Known("", columns).called(name)
    t.scope.relations.append(relation)
    return f"{sql} AS {relation.alias}" + _nested(t, node.args.get("joins") or [])


def _nested(t: Translator, joins: Sequence[Expr]) -> str:
    sql = ""
    for join in joins:
        left = list(t.scope.relations)
        sql += " " + _joined(t, join, left, _source(t, join.this))
    return sql


def _subquery(t: Translator, node: Expr, inner: Expr) -> str:
    from pytest_deploy.schema.translation.queries import translate_query

    query = translate_query(inner, t.context, outer=t.scope.outer)
    name = node.alias or f"subquery{len(t.scope.relations)}"
    relation = Known("", query.columns(t.context)).called(name)
    t.scope.relations.append(replace(relation, name=node.alias.lower()))
    listed = quoted_list(tuple(column.name for column in relation.columns))
    return f"({query.sql}) AS {quoted(name)} ({listed})"


def _joined(t: Translator, join: Expr, left: list[Relation], right: str) -> str:
    side = (join.args.get("side") or "").upper()
    named = _named_alike(t, join, left)
    require(not (named and side in _OTHER_SIDES), f"a {side} JOIN with USING")
    conditions = [_merged(t, name, left) for name in named]
    if (on := join.args.get("on")) is not None:
        conditions.append(truth(t.of(on)))
    if not conditions and not side:
        return f"CROSS JOIN {right}"
    word = f"{side} JOIN" if side else "JOIN"
    return f"{word} {right} ON {' AND '.join(conditions) or 'true'}"


def _named_alike(t: Translator, join: Expr, left: list[Relation]) -> list[str]:
    """Name the columns by which USING or NATURAL joins."""
    if join.args.get("using"):
        return [column.name for column in join.args["using"]]
    if (join.args.get("method") or "").upper() != "NATURAL":
        return []
    before = {column.source.lower() for relation in left for column in relation.columns}
    added = t.scope.relations[len(left)]
    return [column.source for column in added.columns if column.source.lower() in before]


def _merged(t: Translator, name: str, left: list[Relation]) -> str:
    place = len(left)
    added = t.scope.relations[place]
    mine = next((value for relation in left if (value := relation.find(name))), None)
    theirs = added.find(name)
    require(mine is not None and theirs is not None, "USING of a name that is no column")
    assert mine is not None
    assert theirs is not None
    hidden = tuple(
        replace(column, hidden=column.hidden or column.source.lower() == name.lower())
        for column in added.columns
    )
    t.scope.relations[place] = replace(added, columns=hidden)
    return equal(t, mine, theirs, "=")
