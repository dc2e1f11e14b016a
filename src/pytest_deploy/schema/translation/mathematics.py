"""Mathematical functions: NULL where SQLite has no number, and not an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.schema.translation.values import (
    Sort,
    Value,
    integer,
    require,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlglot.expressions.core import Expr

    from pytest_deploy.schema.translation.expressions import Translator

    Function = Callable[[Translator, Sequence[Expr]], Value]


def _only(arguments: Sequence[Expr], *counts: int) -> None:
    require(len(arguments) in counts, "a call with another number of arguments")


def _abs(t: Translator, arguments: Sequence[Expr]) -> Value:
    _only(arguments, 1)
    value = t.number(arguments[0])
    return Value(f"abs({value.sql})", value.sort)


def _sign(t: Translator, arguments: Sequence[Expr]) -> Value:
    _only(arguments, 1)
    return integer(f"sign({t.number(arguments[0]).sql})::integer")


def _round(t: Translator, arguments: Sequence[Expr]) -> Value:
    _only(arguments, 1, 2)
    value = t.number(arguments[0])
    digits = t.number(arguments[1]).sql if len(arguments) > 1 else "0"
    if digits != "0" and not digits.isdecimal():
        digits = f"greatest({digits}, 0)::integer"
    sql = f"round(({value.sql})::numeric, {digits})::double precision"
    return Value(sql, Sort.REAL)


def _within(form: str, *limits: str) -> Function:
    """Compute with reals; NULL where SQLite yields it, beyond the limits."""
    count = 2 if "{1}" in form else 1

    def rule(t: Translator, arguments: Sequence[Expr]) -> Value:
        _only(arguments, count)
        values = [f"{t.number(argument).sql}::double precision" for argument in arguments]
        holds = " AND ".join(limit.format(*values) for limit in limits)
        return Value(f"(CASE WHEN {holds} THEN {form.format(*values)} END)", Sort.REAL)

    return rule


_LOG10 = _within("log({0})", "{0} > 0")
_LOG = _within("(ln({1}) / ln({0}))", "{0} > 0", "{0} <> 1", "{1} > 0")


def _log(t: Translator, arguments: Sequence[Expr]) -> Value:
    return (_LOG10 if len(arguments) == 1 else _LOG)(t, arguments)


def _mod(t: Translator, arguments: Sequence[Expr]) -> Value:
    _only(arguments, 2)
    one, other = (t.number(argument) for argument in arguments)
    require(one.sort is other.sort is Sort.INTEGER, "mod() of reals")
    return Value(f"({one.sql} % nullif({other.sql}, 0))::double precision", Sort.REAL)


def _pi(_: Translator, arguments: Sequence[Expr]) -> Value:
    _only(arguments, 0)
    return Value("pi()", Sort.REAL)


def _power(name: str, *counts: int) -> Function:
    def rule(t: Translator, arguments: Sequence[Expr]) -> Value:
        _only(arguments, *counts)
        values = [f"{t.number(argument).sql}::double precision" for argument in arguments]
        return Value(f"{name}({', '.join(values)})", Sort.REAL)

    return rule


def _whole(name: str) -> Function:
    def rule(t: Translator, arguments: Sequence[Expr]) -> Value:
        _only(arguments, 1)
        value = t.number(arguments[0])
        if value.sort is Sort.INTEGER:
            return value
        return Value(f"{name}({value.sql})", value.sort)

    return rule


FUNCTIONS: dict[str, Function] = {
    "abs": _abs,
    "acos": _within("acos({0})", "{0} BETWEEN -1 AND 1"),
    "asin": _within("asin({0})", "{0} BETWEEN -1 AND 1"),
    "atan2": _power("atan2", 2),
    "ceil": _whole("ceil"),
    "ceiling": _whole("ceil"),
    "exp": _power("exp", 1),
    "floor": _whole("floor"),
    "ln": _within("ln({0})", "{0} > 0"),
    "log": _log,
    "log10": _LOG10,
    "log2": _within("(ln({0}) / ln(2::double precision))", "{0} > 0"),
    "mod": _mod,
    "pi": _pi,
    "pow": _power("power", 2),
    "power": _power("power", 2),
    "round": _round,
    "sign": _sign,
    "sqrt": _within("sqrt({0})", "{0} >= 0"),
    "trunc": _whole("trunc"),
    **{
        name: _power(name, 1)
        for name in ("atan", "cos", "cosh", "degrees", "radians", "sin", "sinh", "tan", "tanh")
    },
}
