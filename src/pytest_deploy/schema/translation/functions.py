"""SQLite's scalar functions: each name has one rule."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import cache
from typing import TYPE_CHECKING

from pytest_deploy.schema.identifiers import literal
from pytest_deploy.schema.translation import clock, formats, json, mathematics
from pytest_deploy.schema.translation.comparisons import equal, globbed, liked
from pytest_deploy.schema.translation.conversions import as_text, case, result_of, unified
from pytest_deploy.schema.translation.values import (
    NUMBERS,
    Sort,
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
_TYPE_NAMES = {Sort.INTEGER: "integer", Sort.FLAG: "integer", Sort.REAL: "real", Sort.BLOB: "blob"}


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


FUNCTIONS: dict[str, Function] = {
    "char": _char,
    "coalesce": _coalesce,
    "concat": _concat,
    "concat_ws": _concat_ws,
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
    "quote": _quote,
    "random": _random,
    "randomblob": _randomblob,
    "replace": _replace,
    "rtrim": _trimming("rtrim"),
    "substr": _substr,
    "substring": _substr,
    "trim": _trimming("btrim"),
    "typeof": _typeof,
    "unicode": _unicode,
    "unlikely": _first,
    "upper": _folding("upper"),
    "zeroblob": _zeroblob,
    **clock.FUNCTIONS,
    **formats.FUNCTIONS,
    **json.FUNCTIONS,
    **mathematics.FUNCTIONS,
}
