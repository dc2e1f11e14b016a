"""Aggregates and window functions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_deploy.schema.translation import json
from pytest_deploy.schema.translation.conversions import as_text, unified
from pytest_deploy.schema.translation.values import (
    DATES,
    Sort,
    UntranslatableError,
    Value,
    folded,
    integer,
    number,
    require,
    text,
    truth,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlglot.expressions.core import Expr

    from pytest_deploy.schema.translation.expressions import Translator

    Aggregate = Callable[[Translator, Sequence[Expr], str], Value]

_RANKS = frozenset({"row_number", "rank", "dense_rank", "ntile"})
_SHARES = frozenset({"percent_rank", "cume_dist"})


def _argument(t: Translator, arguments: Sequence[Expr]) -> tuple[Value, str]:
    """Translate an aggregate's argument, and say DISTINCT where it was said."""
    require(bool(arguments), "an aggregate without an argument")
    node = arguments[0]
    if node.key != "distinct":
        return t.inside_aggregate(node), ""
    require(len(node.expressions) == 1, "DISTINCT of several arguments")
    return t.inside_aggregate(node.expressions[0]), "DISTINCT "


def _count(t: Translator, arguments: Sequence[Expr], over: str) -> Value:
    if not arguments or arguments[0].key == "star":
        return integer(f"count(*){over}")
    value, distinct = _argument(t, arguments)
    sql = folded(value.sql, value.collation) if value.sort is Sort.TEXT else value.sql
    return integer(f"count({distinct}{sql}){over}")


def _summed(t: Translator, arguments: Sequence[Expr]) -> tuple[Value, str]:
    value, distinct = _argument(t, arguments)
    if value.sort is Sort.TEXT and not value.digits and value.constant is None:
        return Value(t.context.call("sqlite_number", value.sql), Sort.DECIMAL), distinct
    require(value.sort is not Sort.NULL, "a sum of NULL")
    return number(value), distinct


def _sum(t: Translator, arguments: Sequence[Expr], over: str) -> Value:
    value, distinct = _summed(t, arguments)
    if value.sort is Sort.INTEGER:
        return integer(f"(sum({distinct}{value.sql}){over})::bigint")
    return Value(f"sum({distinct}{value.sql}){over}", value.sort)


def _total(t: Translator, arguments: Sequence[Expr], over: str) -> Value:
    value, distinct = _summed(t, arguments)
    sql = f"coalesce(sum({distinct}{value.sql}){over}, 0)::double precision"
    return Value(sql, Sort.REAL)


def _avg(t: Translator, arguments: Sequence[Expr], over: str) -> Value:
    value, distinct = _summed(t, arguments)
    return Value(f"(avg({distinct}{value.sql}){over})::double precision", Sort.REAL)


def _extreme(name: str) -> Aggregate:
    def rule(t: Translator, arguments: Sequence[Expr], over: str) -> Value:
        value, _ = _argument(t, arguments)
        if value.sort is Sort.FLAG:
            return integer(f"{name}({value.sql}::integer){over}")
        if value.sort in (Sort.BLOB, Sort.NULL):
            raise UntranslatableError(f"{name}() of a {value.sort}")
        if value.sort is Sort.TEXT and value.collation != "BINARY":
            return _first_by_collation(name, value, over)
        ordered = f'{value.sql} COLLATE "C"' if value.sort is Sort.TEXT else value.sql
        sql = f"{name}({ordered}){over}"
        moment = None
        if value.sort in DATES and value.moment:
            moment = replace(value.moment, naive=value.moment.naive.replace(value.sql, sql))
        return Value(sql, value.sort, moment=moment, digits=value.digits)

    return rule


def _first_by_collation(name: str, value: Value, over: str) -> Value:
    require(not over, f"{name}() with a collation, over a window")
    order = f'{folded(value.sql, value.collation)} COLLATE "C"{" DESC" if name == "max" else ""}'
    kept = f"array_agg({value.sql} ORDER BY {order}) FILTER (WHERE {value.sql} IS NOT NULL)"
    return replace(text(f"({kept})[1]"), collation=value.collation)


def _json_array(t: Translator, arguments: Sequence[Expr], over: str) -> Value:
    require(len(arguments) == 1 and arguments[0].key != "distinct", "json_group_array() of this")
    written = json.written(t, arguments[0], t.inside_aggregate(arguments[0]))
    return text(f"('[' || coalesce(string_agg({written}, ','){over}, '') || ']')")


def _json_object(t: Translator, arguments: Sequence[Expr], over: str) -> Value:
    require(len(arguments) == len(("label", "value")), "json_group_object() of this")
    label = json.label(t, t.inside_aggregate(arguments[0]))
    pair = f"{label} || {json.written(t, arguments[1], t.inside_aggregate(arguments[1]))}"
    return text(f"('{{' || coalesce(string_agg({pair}, ','){over}, '') || '}}')")


def _group_concat(t: Translator, arguments: Sequence[Expr], over: str) -> Value:
    value, distinct = _argument(t, arguments)
    separator, order = "','", ""
    if len(arguments) > 1:
        node = arguments[1]
        if node.key == "order":
            terms = ((term, t.inside_aggregate(term.this)) for term in node.expressions)
            order = " ORDER BY " + ", ".join(ordering(t, *term) for term in terms)
            node = node.this
        separator = as_text(t.inside_aggregate(node), t.context)
    written = as_text(value, t.context)
    return text(f"string_agg({distinct}{written}, {separator}{order}){over}")


def ordering(t: Translator, node: Expr, value: Value | None = None) -> str:
    """
    Translate a term of ORDER BY: text by its bytes, NULL before everything else.

    Args:
        t: The translator.
        node: The term.
        value: What it orders by, where that is known already.

    Returns:
        SQL.
    """
    if value is None:
        value = t.of(node.this)
    require(not value.mixed, "an order by what is now a number, now a text")
    sql = value.sql
    if value.sort is Sort.TEXT:
        sql = f'{folded(sql, value.collation)} COLLATE "C"'
    descending = " DESC" if node.args.get("desc") else ""
    nulls = "FIRST" if node.args.get("nulls_first") else "LAST"
    return f"{sql}{descending} NULLS {nulls}"


def windowed(t: Translator, node: Expr) -> Value:
    """
    Translate an aggregate or window function with FILTER or OVER.

    Args:
        t: The translator.
        node: The window or the filter.

    Returns:
        What it yields.
    """
    over = ""
    if node.key == "window":
        over = f" OVER {_window(t, node)}"
        node = node.this
    if node.key == "filter":
        over = f" FILTER (WHERE {truth(t.inside_aggregate(node.expression.this))}){over}"
        node = node.this
    name = node.name.lower()
    if name in AGGREGATES:
        return AGGREGATES[name](t, node.expressions, over)
    require(name in WINDOW_FUNCTIONS, f"{name}() OVER")
    return WINDOW_FUNCTIONS[name](t, node.expressions, over)


def _window(t: Translator, node: Expr) -> str:
    alone = not any(node.args.get(part) for part in ("partition_by", "order", "spec"))
    if node.args.get("alias") is not None and alone:
        return f'"{node.args["alias"].name}"'
    return f"({window_definition(t, node)})"


def window_definition(t: Translator, node: Expr) -> str:
    """
    Translate what stands between the parentheses of OVER.

    Args:
        t: The translator.
        node: The window.

    Returns:
        SQL.
    """
    parts: list[str] = []
    if node.args.get("alias") is not None:
        parts.append(f'"{node.args["alias"].name}"')
    partition = node.args.get("partition_by") or []
    if partition:
        parts.append("PARTITION BY " + ", ".join(value.sql for value in t.all(partition)))
    order = node.args.get("order")
    if order is not None:
        parts.append("ORDER BY " + ", ".join(ordering(t, term) for term in order.expressions))
    spec = node.args.get("spec")
    if spec is not None:
        parts.append(_frame(t, spec))
    return " ".join(parts)


def _frame(t: Translator, spec: Expr) -> str:
    ends = [
        _bound(t, spec.args.get("start"), spec.args.get("start_side")),
        _bound(t, spec.args.get("end"), spec.args.get("end_side")),
    ]
    between = f"BETWEEN {ends[0]} AND {ends[1]}" if ends[1] else ends[0]
    exclude = spec.args.get("exclude")
    excluded = f" EXCLUDE {exclude.name.upper()}" if exclude is not None else ""
    return f"{str(spec.args['kind']).upper()} {between}{excluded}"


def _bound(t: Translator, bound: Expr | str | None, side: str | None) -> str:
    if bound is None:
        return ""
    sql = bound.upper() if isinstance(bound, str) else t.of(bound).sql
    return f"{sql} {side.upper()}" if side else sql


def _rank(name: str) -> Aggregate:
    def rule(t: Translator, arguments: Sequence[Expr], over: str) -> Value:
        listed = ", ".join(f"{t.number(argument).sql}::integer" for argument in arguments)
        return integer(f"{name}({listed}){over}")

    return rule


def _share(name: str) -> Aggregate:
    return lambda _, __, over: Value(f"{name}(){over}", Sort.REAL)


def _neighbour(name: str) -> Aggregate:
    def rule(t: Translator, arguments: Sequence[Expr], over: str) -> Value:
        value = t.of(arguments[0])
        require(value.sort is not Sort.NULL, f"{name}() of NULL")
        rest = [f"{t.number(argument).sql}::integer" for argument in arguments[1:2]]
        for argument in arguments[2:]:
            value, default = unified([value, t.of(argument)], t.context)
            rest.append(default.sql)
        return Value(f"{name}({', '.join([value.sql, *rest])}){over}", value.sort)

    return rule


AGGREGATES: dict[str, Aggregate] = {
    "avg": _avg,
    "count": _count,
    "group_concat": _group_concat,
    "json_group_array": _json_array,
    "json_group_object": _json_object,
    "max": _extreme("max"),
    "min": _extreme("min"),
    "string_agg": _group_concat,
    "sum": _sum,
    "total": _total,
}

WINDOW_FUNCTIONS: dict[str, Aggregate] = {
    **{name: _rank(name) for name in _RANKS},
    **{name: _share(name) for name in _SHARES},
    **{
        name: _neighbour(name) for name in ("lag", "lead", "first_value", "last_value", "nth_value")
    },
}
