"""SQLite's scalar functions: each name has one rule."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from functools import cache
from typing import TYPE_CHECKING

from pytest_deploy.schema.identifiers import literal
from pytest_deploy.schema.translation import clock, json
from pytest_deploy.schema.translation.comparisons import equal, globbed, liked
from pytest_deploy.schema.translation.conversions import as_text, case, result_of, unified
from pytest_deploy.schema.translation.values import (
    NUMBERS,
    Sort,
    UntranslatableError,
    Value,
    condition,
    integer,
    require,
    text,
    truth,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlglot.expressions.core import Expr

    from pytest_deploy.schema.translation.expressions import Translator

    Function = Callable[[Translator, Sequence[Expr]], Value]

_MOST_RANDOM_BYTES = 32  # those of one SHA-256
# Two random UUIDs have 244 random bits, and need no extension.
_RANDOM = "sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))"
_TEXTS = "sqQ"
_GROUPS = "999,999,999,999,999,999,990"
_TYPE_NAMES = {Sort.INTEGER: "integer", Sort.FLAG: "integer", Sort.REAL: "real", Sort.BLOB: "blob"}
_FORMAT = re.compile(r"%(?P<flags>[-0,+ ]*)(?P<width>\d*)(?:\.(?P<digits>\d+))?(?P<kind>[%a-zA-Z])")


def _only(arguments: Sequence[Expr], *counts: int) -> None:
    require(len(arguments) in counts, "a call with another number of arguments")


def _coalesce(t: Translator, arguments: Sequence[Expr]) -> Value:
    values = unified(t.all(arguments), t.context)
    return result_of(f"coalesce({', '.join(v.sql for v in values)})", values)


def _nullif(t: Translator, arguments: Sequence[Expr]) -> Value:
    _only(arguments, 2)
    value, other = t.all(arguments)
    same = equal(t, value, other, "=")
    return result_of(f"CASE WHEN {same} THEN NULL ELSE {value.sql} END", [value])


def _if(t: Translator, arguments: Sequence[Expr]) -> Value:
    _only(arguments, 2, 3)
    return case([truth(t.of(arguments[0]))], t.all(arguments[1:]), t.context)


def _extreme(name: str) -> Function:
    def rule(t: Translator, arguments: Sequence[Expr]) -> Value:
        values = unified(t.all(arguments), t.context)
        require(not any(v.mixed for v in values), f"{name}() of numbers and texts")
        if any(v.sort is Sort.FLAG for v in values):
            values = [integer(f"{v.sql}::integer") for v in values]
        require(all(v.collation == "BINARY" for v in values), f"{name}() with a collation")
        ordered = [f'{v.sql} COLLATE "C"' if v.sort is Sort.TEXT else v.sql for v in values]
        empty = " OR ".join(f"{v.sql} IS NULL" for v in values if v.constant is None)
        found = f"{name}({', '.join(ordered)})"
        # Postgres leaves NULL out, SQLite yields it.
        return result_of(f"CASE WHEN NOT ({empty}) THEN {found} END" if empty else found, values)

    return rule


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


def _length(t: Translator, arguments: Sequence[Expr]) -> Value:
    _only(arguments, 1)
    value = t.of(arguments[0])
    if value.sort is Sort.BLOB:
        return integer(f"octet_length({value.sql})")
    return integer(f"length({as_text(value, t.context)})")


def _octets(t: Translator, arguments: Sequence[Expr]) -> Value:
    _only(arguments, 1)
    value = t.of(arguments[0])
    return integer(
        f"octet_length({value.sql if value.sort is Sort.BLOB else as_text(value, t.context)})"
    )


def _folding(name: str) -> Function:
    def rule(t: Translator, arguments: Sequence[Expr]) -> Value:
        _only(arguments, 1)
        # SQLite folds ASCII only, as the collation "C" does.
        return text(f'{name}({t.text(arguments[0])} COLLATE "C")')

    return rule


def _trimming(name: str) -> Function:
    def rule(t: Translator, arguments: Sequence[Expr]) -> Value:
        _only(arguments, 1, 2)
        return text(f"{name}({', '.join(t.text(argument) for argument in arguments)})")

    return rule


def _replace(t: Translator, arguments: Sequence[Expr]) -> Value:
    _only(arguments, 3)
    subject, pattern, _ = (t.text(argument) for argument in arguments)
    sql = f"replace({', '.join(t.text(argument) for argument in arguments)})"
    if t.of(arguments[1]).constant:
        return text(sql)
    return text(f"(CASE WHEN {pattern} = '' THEN {subject} ELSE {sql} END)")


def _substr(t: Translator, arguments: Sequence[Expr]) -> Value:
    _only(arguments, 2, 3)
    value = t.of(arguments[0])
    require(value.sort is not Sort.BLOB, "substr() of a blob")
    start, *wanted = (t.number(argument) for argument in arguments[1:])
    subject, digits = as_text(value, t.context), value.digits
    simple = isinstance(start.constant, int) and start.constant > 0
    if simple and all(isinstance(w.constant, int) and w.constant >= 0 for w in wanted):
        sql = f"substr({', '.join([subject, start.sql, *(w.sql for w in wanted)])})"
        return Value(sql, Sort.TEXT, digits=digits)
    count = wanted[0].sql if wanted else "2147483647"
    return text(t.context.call("sqlite_substr", subject, start.sql, count))


def _instr(t: Translator, arguments: Sequence[Expr]) -> Value:
    _only(arguments, 2)
    values = t.all(arguments)
    if all(value.sort is Sort.BLOB for value in values):
        return integer(f"position({values[1].sql} IN {values[0].sql})")
    return integer(f"strpos({t.text(arguments[0])}, {t.text(arguments[1])})")


def _hex(t: Translator, arguments: Sequence[Expr]) -> Value:
    _only(arguments, 1)
    value = t.of(arguments[0])
    sql = value.sql
    if value.sort is not Sort.BLOB:
        sql = f"convert_to({as_text(value, t.context)}, 'UTF8')"
    return text(f"coalesce(upper(encode({sql}, 'hex')), '')")


def _randomblob(t: Translator, arguments: Sequence[Expr]) -> Value:
    _only(arguments, 1)
    count = t.of(arguments[0]).constant
    require(
        isinstance(count, int) and 1 <= count <= _MOST_RANDOM_BYTES, "randomblob() of that size"
    )
    return Value(f"substr({_RANDOM}, 1, {count})", Sort.BLOB)


def _random(_: Translator, arguments: Sequence[Expr]) -> Value:
    _only(arguments, 0)
    return integer("hashtextextended(gen_random_uuid()::text, 0)")


def _typeof(t: Translator, arguments: Sequence[Expr]) -> Value:
    _only(arguments, 1)
    value = t.of(arguments[0])
    require(not value.mixed, "typeof() of what is now a number, now a text")
    require(not (value.loose or value.zero), "typeof() of what is now whole, now not")
    if value.sort is Sort.NULL:
        return text("'null'")
    name = literal(_TYPE_NAMES.get(value.sort, "text"))
    if value.sort is Sort.DECIMAL:
        name = f"CASE WHEN {value.sql} = trunc({value.sql}) THEN 'integer' ELSE 'real' END"
    return text(f"(CASE WHEN {value.sql} IS NULL THEN 'null' ELSE {name} END)")


def _first(t: Translator, arguments: Sequence[Expr]) -> Value:
    return t.of(arguments[0])


def _unicode(t: Translator, arguments: Sequence[Expr]) -> Value:
    _only(arguments, 1)
    return integer(f"nullif(ascii({t.text(arguments[0])}), 0)")


def _char(t: Translator, arguments: Sequence[Expr]) -> Value:
    parts = [f"chr({t.number(argument).sql}::integer)" for argument in arguments]
    return text(f"({' || '.join(parts) or literal('')})")


def _quote(t: Translator, arguments: Sequence[Expr]) -> Value:
    _only(arguments, 1)
    value = t.of(arguments[0])
    if value.sort is Sort.BLOB:
        return text(f"coalesce('X''' || upper(encode({value.sql}, 'hex')) || '''', 'NULL')")
    require(not value.mixed, "quote() of what is now a number, now a text")
    written = as_text(value, t.context)
    if value.sort not in NUMBERS | {Sort.FLAG}:
        written = f"'''' || replace({written}, '''', '''''') || ''''"
    return text(f"coalesce({written}, 'NULL')")


def _concat(t: Translator, arguments: Sequence[Expr]) -> Value:
    return text(f"concat({', '.join(t.text(argument) for argument in arguments)})")


def _concat_ws(t: Translator, arguments: Sequence[Expr]) -> Value:
    return text(f"concat_ws({', '.join(t.text(argument) for argument in arguments)})")


def _glob(t: Translator, arguments: Sequence[Expr]) -> Value:
    _only(arguments, 2)
    return condition(globbed(t.text(arguments[1]), t.of(arguments[0])))


def _json_valid(t: Translator, arguments: Sequence[Expr]) -> Value:
    _only(arguments, 1)
    valid = t.context.call("sqlite_json_valid", t.text(arguments[0]))
    return condition(f"coalesce({valid}, false)" if _null_is_no_json() else valid)


@cache
def _null_is_no_json() -> bool:
    """Ask the SQLite at hand: from 3.45 on the answer for NULL is NULL, before it was 0."""
    with closing(sqlite3.connect(":memory:")) as connection:
        return connection.execute("SELECT json_valid(NULL)").fetchone()[0] is not None


def _like(t: Translator, arguments: Sequence[Expr]) -> Value:
    _only(arguments, 2)
    return condition(liked(t, t.text(arguments[1]), t.of(arguments[0])))


def _zeroblob(t: Translator, arguments: Sequence[Expr]) -> Value:
    _only(arguments, 1)
    return Value(f"decode(repeat('00', {t.number(arguments[0]).sql}::integer), 'hex')", Sort.BLOB)


def _printf(t: Translator, arguments: Sequence[Expr]) -> Value:
    """Write each part of a format that is known beforehand."""
    form = t.of(arguments[0]).constant if arguments else None
    if not isinstance(form, str):
        raise UntranslatableError("a format that is not a string")
    values = iter(arguments[1:])
    parts: list[str] = []
    last = 0
    for found in _FORMAT.finditer(form):
        if form[last : found.start()]:
            parts.append(literal(form[last : found.start()]))
        last = found.end()
        parts.append("'%'" if found["kind"] == "%" else _formatted(t, found, next(values, None)))
    if form[last:] or not parts:
        parts.append(literal(form[last:]))
    require("%" not in _FORMAT.sub("", form), "a format that is not known")
    return text(f"({' || '.join(parts)})")


def _formatted(t: Translator, found: re.Match[str], argument: Expr | None) -> str:
    require(argument is not None, "a format with too few values")
    assert argument is not None
    flags, kind = found["flags"], found["kind"]
    known = " " not in flags and not ("0" in flags and set(flags) & {"+", ","})
    require(known, "a format with such flags")
    if kind in "dif":
        written = _number_formatted(t.number(argument), found)
    elif kind in "xX":
        require(not set(flags) & {"+", ","}, "a format with such flags")
        written = f"to_hex(coalesce({_as_whole(t.number(argument))}, 0))"
        written = f"upper({written})" if kind == "X" else written
    else:
        require(kind in _TEXTS, f"a format with %{kind}")
        written = _text_formatted(t.text(argument), found)
    return _padded(written, found["width"], flags, is_number=kind not in _TEXTS)


def _as_whole(value: Value) -> str:
    return value.sql if value.sort is Sort.INTEGER else f"trunc({value.sql})::bigint"


def _number_formatted(value: Value, found: re.Match[str]) -> str:
    sql, digits = f"coalesce({_as_whole(value)}, 0)", 0
    if found["kind"] == "f":
        digits = int(found["digits"] or "6")
        sql = f"round(coalesce({value.sql}, 0)::numeric, {digits})"
    written = f"{sql}::text"
    if "," in found["flags"]:
        require(found["kind"] != "f", "a format with such flags")
        written = f"to_char({sql}, 'FM{_GROUPS}')"
    if "+" in found["flags"]:
        written = f"(CASE WHEN {sql} >= 0 THEN '+' ELSE '' END || {written})"
    return written


def _text_formatted(said: str, found: re.Match[str]) -> str:
    kind = found["kind"]
    if kind == "Q":
        return f"coalesce('''' || replace({said}, '''', '''''') || '''', 'NULL')"
    if kind == "q":
        return f"coalesce(replace({said}, '''', ''''''), '(NULL)')"
    written = f"coalesce({said}, '')"
    return f"left({written}, {found['digits']})" if found["digits"] else written


def _padded(written: str, width: str, flags: str, *, is_number: bool) -> str:
    if not width:
        return written
    size = f"length({written}) + greatest({width} - octet_length({written}), 0)"
    if "-" in flags:
        return f"rpad({written}, {size})"
    if "0" in flags and is_number:
        sign = f"CASE WHEN {written} LIKE '-%' THEN '-' ELSE '' END"
        return f"({sign} || lpad(ltrim({written}, '-'), {size} - length({sign}), '0'))"
    return f"lpad({written}, {size})"


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
    "ceil": _whole("ceil"),
    "ceiling": _whole("ceil"),
    "char": _char,
    "coalesce": _coalesce,
    "concat": _concat,
    "concat_ws": _concat_ws,
    "exp": _power("exp", 1),
    "floor": _whole("floor"),
    "format": _printf,
    "glob": _glob,
    "hex": _hex,
    "if": _if,
    "ifnull": _coalesce,
    "iif": _if,
    "instr": _instr,
    "json_valid": _json_valid,
    "length": _length,
    "like": _like,
    "likelihood": _first,
    "likely": _first,
    "lower": _folding("lower"),
    "ltrim": _trimming("ltrim"),
    "max": _extreme("greatest"),
    "min": _extreme("least"),
    "nullif": _nullif,
    "octet_length": _octets,
    "pow": _power("power", 2),
    "power": _power("power", 2),
    "printf": _printf,
    "quote": _quote,
    "random": _random,
    "randomblob": _randomblob,
    "replace": _replace,
    "round": _round,
    "rtrim": _trimming("rtrim"),
    "sign": _sign,
    "sqrt": _within("sqrt({0})", "{0} >= 0"),
    "acos": _within("acos({0})", "{0} BETWEEN -1 AND 1"),
    "asin": _within("asin({0})", "{0} BETWEEN -1 AND 1"),
    "atan2": _power("atan2", 2),
    "ln": _within("ln({0})", "{0} > 0"),
    "log": _log,
    "log10": _LOG10,
    "log2": _within("(ln({0}) / ln(2::double precision))", "{0} > 0"),
    "mod": _mod,
    "pi": _pi,
    "trunc": _whole("trunc"),
    **{
        name: _power(name, 1)
        for name in ("atan", "cos", "cosh", "degrees", "radians", "sin", "sinh", "tan", "tanh")
    },
    "substr": _substr,
    "substring": _substr,
    "trim": _trimming("btrim"),
    "typeof": _typeof,
    "unicode": _unicode,
    "unlikely": _first,
    "upper": _folding("upper"),
    "zeroblob": _zeroblob,
    **clock.FUNCTIONS,
    **json.FUNCTIONS,
}
