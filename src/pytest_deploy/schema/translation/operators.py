"""Arithmetic, concatenation and bits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_deploy.schema.translation.conversions import as_text, widest
from pytest_deploy.schema.translation.values import NUMBERS, Sort, Value, require, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlglot.expressions.core import Expr

    from pytest_deploy.schema.translation.expressions import Translator

    Rule = Callable[[Translator, Expr], Value]


_INTEGER_BITS = 64


def _alike(left: Value, right: Value) -> tuple[str, str]:
    """Write both sides so that Postgres computes in the type that SQLite does."""
    if widest((left, right)) is not Sort.REAL:
        return left.sql, right.sql
    return _real(left), _real(right)


def _real(value: Value) -> str:
    return value.sql if value.sort is not Sort.DECIMAL else f"{value.sql}::double precision"


def _arithmetic(t: Translator, node: Expr, operator: str) -> Value:
    left, right = t.number(node.this), t.number(node.expression)
    one, other = _alike(left, right)
    loose = left.loose or right.loose or left.zero or right.zero
    return Value(f"({one} {operator} {other})", widest((left, right)), loose=loose)


def _division(t: Translator, node: Expr) -> Value:
    """Divide: integers whole, and by zero NULL."""
    left, right = t.number(node.this), t.number(node.expression)
    sort = widest((left, right))
    is_real = any(v.sort is Sort.REAL and not v.loose for v in (left, right))
    require(is_real or not (left.loose or right.loose), "a division of what is now whole, now not")
    if sort is Sort.DECIMAL:
        return Value(t.context.call("sqlite_divide", left.sql, right.sql), sort)
    one, other = _alike(left, right)
    divisor = other if right.constant not in (None, 0, 0.0) else f"nullif({other}, 0)"
    return Value(f"({one} / {divisor})", sort)


def _remainder(t: Translator, node: Expr) -> Value:
    left, right = _integers(t, node)
    divisor = right if right.isdecimal() and int(right) else f"nullif({right}, 0)"
    return Value(f"({left} % {divisor})", Sort.INTEGER)


def _integers(t: Translator, node: Expr) -> tuple[str, str]:
    values = t.number(node.this), t.number(node.expression)
    require(all(v.sort in NUMBERS | {Sort.NULL} for v in values), "bits of something else")
    one, other = (v.sql if v.sort is Sort.INTEGER else f"trunc({v.sql})::bigint" for v in values)
    return one, other


def _bits(operator: str) -> Rule:
    def rule(t: Translator, node: Expr) -> Value:
        one, other = _integers(t, node)
        return Value(f"({one}::bigint {operator} {other})", Sort.INTEGER)

    return rule


def _shift(operator: str) -> Rule:
    def rule(t: Translator, node: Expr) -> Value:
        one, other = _integers(t, node)
        if not (other.isdecimal() and int(other) < _INTEGER_BITS):
            by = other if operator == "<<" else f"-({other})"
            return Value(t.context.call("sqlite_shift", one, by), Sort.INTEGER)
        return Value(f"({one}::bigint {operator} {other})", Sort.INTEGER)

    return rule


def _not(t: Translator, node: Expr) -> Value:
    return Value(f"(~ {t.number(node.this).sql}::bigint)", Sort.INTEGER)


def _concatenation(t: Translator, node: Expr) -> Value:
    left, right = t.of(node.this), t.of(node.expression)
    joined = text(f"({as_text(left, t.context)} || {as_text(right, t.context)})")
    explicit = next((value for value in (left, right) if value.explicit), None)
    if explicit is None:
        return joined
    return replace(joined, collation=explicit.collation, explicit=True)


def _computed(operator: str) -> Rule:
    return lambda t, node: _arithmetic(t, node, operator)


RULES: dict[str, Rule] = {
    "add": _computed("+"),
    "sub": _computed("-"),
    "mul": _computed("*"),
    "div": _division,
    "mod": _remainder,
    "dpipe": _concatenation,
    "bitwiseand": _bits("&"),
    "bitwiseor": _bits("|"),
    "bitwiseleftshift": _shift("<<"),
    "bitwiserightshift": _shift(">>"),
    "bitwisenot": _not,
}
