"""Translates the queries of a trigger: all they can do is RAISE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.schema.translation.comparisons import equal
from pytest_deploy.schema.translation.expressions import Context, Translator
from pytest_deploy.schema.translation.joins import from_clause
from pytest_deploy.schema.translation.scope import Scope
from pytest_deploy.schema.translation.values import UntranslatableError, require, truth

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlglot.expressions.core import Expr

_CHOICES = frozenset({"ifnull", "coalesce"})
_CONDITIONS = frozenset({"iif", "if"})


def raises(node: Expr) -> bool:
    """
    Tell whether RAISE stands somewhere in a query.

    Args:
        node: The query.

    Returns:
        Whether it does.
    """
    return any(True for _ in _raises_in(node))


def _raises_in(node: Expr) -> Iterator[Expr]:
    if _is_raise(node):
        yield node
    for child in node.iter_expressions():
        yield from _raises_in(child)


def _is_raise(node: Expr) -> bool:
    return node.key == "anonymous" and node.name.upper() == "RAISE"


def translate_raising(node: Expr, context: Context, outer: Scope, leave: str) -> list[str]:
    """
    Translate a query that raises.

    Args:
        node: A SELECT.
        context: What it goes by.
        outer: OLD and NEW.
        leave: What RAISE(IGNORE) does: statements of PL/pgSQL.

    Returns:
        Statements of PL/pgSQL.

    Raises:
        UntranslatableError: RAISE stands where it cannot be told when it is reached.

    Source: https://www.sqlite.org/lang_createtrigger.html#raise
    """
    require(node.key == "select", f"RAISE in a {node.key}")
    require(not node.args.get("group") and not node.args.get("limit"), "RAISE in a grouped query")
    scope = Scope(outer=outer)
    t = Translator(context, scope)
    source = node.args.get("from_") or node.args.get("from")
    rows = ""
    if source is not None:
        rows = f" FROM {from_clause(t, source.this, node.args.get('joins') or [])}"
    where = node.args.get("where")
    within = truth(t.of(where.this)) if where is not None else ""
    done: list[str] = []
    for item in node.expressions:
        for reached, call in _reached(t, item.this if item.key == "alias" else item):
            conditions = [c for c in (within, reached) if c]
            done += _checked(" AND ".join(conditions), rows, _raise(t, call, leave))
    return done


def _checked(condition: str, rows: str, action: list[str]) -> list[str]:
    if rows:
        condition = f"EXISTS (SELECT 1{rows}{f' WHERE {condition}' if condition else ''})"
    if not condition:
        return action
    return [f"IF {condition} THEN", *(f"    {line}" for line in action), "END IF;"]


def _reached(t: Translator, node: Expr) -> Iterator[tuple[str, Expr]]:
    """Yield each RAISE with the condition under which SQLite comes to it."""
    if node.key == "paren":
        yield from _reached(t, node.this)
    elif _is_raise(node):
        yield "", node
    elif node.key == "case":
        yield from _in_case(t, node)
    elif node.key == "anonymous" and node.name.lower() in _CONDITIONS:
        condition = truth(t.of(node.expressions[0]))
        yield from _under(t, condition, node.expressions[1])
        for other in node.expressions[2:]:
            yield from _under(t, f"{condition} IS NOT TRUE", other)
    elif node.key == "anonymous" and node.name.lower() in _CHOICES:
        *before, last = node.expressions
        require(_is_raise(last), "RAISE among the choices of a call")
        empty = [f"{t.of(item).sql} IS NULL" for item in before]
        yield " AND ".join(empty), last
    else:
        require(not raises(node), "RAISE inside an expression")


def _in_case(t: Translator, node: Expr) -> Iterator[tuple[str, Expr]]:
    subject = t.of(node.this) if node.args.get("this") is not None else None
    missed: list[str] = []
    for branch in node.args["ifs"]:
        value = t.of(branch.this)
        condition = truth(value) if subject is None else equal(t, subject, value, "=")
        yield from _under(t, " AND ".join([*missed, condition]), branch.args["true"])
        missed.append(f"{condition} IS NOT TRUE")
    default = node.args.get("default")
    if default is not None:
        yield from _under(t, " AND ".join(missed), default)


def _under(t: Translator, condition: str, node: Expr) -> Iterator[tuple[str, Expr]]:
    for reached, call in _reached(t, node):
        yield f"{condition} AND {reached}" if reached else condition, call


def _raise(t: Translator, call: Expr, leave: str) -> list[str]:
    resolution, *message = call.expressions
    if resolution.name.upper() == "IGNORE":
        return leave.split("\n")
    if len(message) != 1:
        raise UntranslatableError("RAISE without a message")
    return [f"RAISE EXCEPTION USING MESSAGE = {t.text(message[0])};"]
