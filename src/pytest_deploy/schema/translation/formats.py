"""printf() and format(), whose format must be known beforehand."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_deploy.schema.identifiers import literal
from pytest_deploy.schema.translation.values import (
    Sort,
    UntranslatableError,
    Value,
    require,
    text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlglot.expressions.core import Expr

    from pytest_deploy.schema.translation.expressions import Translator

    Function = Callable[[Translator, Sequence[Expr]], Value]

_TEXTS = "sqQ"
_GROUPS = "999,999,999,999,999,999,990"
_FORMAT = re.compile(r"%(?P<flags>[-0,+ ]*)(?P<width>\d*)(?:\.(?P<digits>\d+))?(?P<kind>[%a-zA-Z])")


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


FUNCTIONS: dict[str, Function] = {"format": _printf, "printf": _printf}
