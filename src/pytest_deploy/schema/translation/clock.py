"""SQLite's date and time functions, with their modifiers."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from pytest_deploy.schema.dates import DateForm, parse_date
from pytest_deploy.schema.translation.conversions import to_char
from pytest_deploy.schema.translation.scope import at_zone
from pytest_deploy.schema.translation.values import (
    DATES,
    NUMBERS,
    Moment,
    Sort,
    UntranslatableError,
    Value,
    number,
    require,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlglot.expressions.core import Expr

    from pytest_deploy.schema.translation.expressions import Context, Translator

    Function = Callable[[Translator, Sequence[Expr]], Value]
    Rule = Callable[[Translator, Expr], Value]

NOW = "(now() AT TIME ZONE 'UTC')"
_DAY, _TIME = DateForm(), DateForm(" ", seconds=True)
_NEVER = Moment("NULL::timestamp", "UTC", _TIME)
_WHOLE = "'%Y-%m-%d %H:%M:%f'"
_JULIAN_EPOCH = 2440587.5
_DAY_SECONDS = 86_400
_UNITS = r"(day|hour|minute|second|month|year)s?"
_SHIFT = re.compile(rf"([+-]?\s*\d+(?:\.\d+)?)\s+{_UNITS}")
_CLOCK_SHIFT = re.compile(r"([+-])(\d\d:\d\d(?::\d\d)?)")
_ENDING = re.compile(rf"\s*{_UNITS}\s*")
_START = re.compile(r"start of (day|month|year)")
_WEEKDAY = re.compile(r"weekday ([0-6])")

# Source: https://www.sqlite.org/lang_datefunc.html
_PATTERNS = {
    "Y": "YYYY",
    "m": "MM",
    "d": "DD",
    "H": "HH24",
    "M": "MI",
    "S": "SS",
    "f": "SS.MS",
    "j": "DDD",
    "F": "YYYY-MM-DD",
    "T": "HH24:MI:SS",
    "R": "HH24:MI",
    "G": "IYYY",
    "V": "IW",
    "I": "HH12",
    "g": "IY",
    "p": "AM",
    "P": "am",
}
_COMPUTED = {
    "U": "lpad(((extract(doy FROM {0})::integer + 6 - extract(dow FROM {0})::integer) / 7)::text,"
    " 2, '0')",
    "e": "lpad(extract(day FROM {0})::integer::text, 2)",
    "k": "lpad(extract(hour FROM {0})::integer::text, 2)",
    "l": "lpad(((extract(hour FROM {0})::integer + 11) % 12 + 1)::text, 2)",
    "w": "extract(dow FROM {0})::integer::text",
    "u": "extract(isodow FROM {0})::integer::text",
    "s": "floor(extract(epoch FROM {0}))::bigint::text",
    "W": "lpad("
    "((extract(doy FROM {0})::integer + 7 - extract(isodow FROM {0})::integer) / 7)::text, 2, '0')",
}
_NUMBERS_OF_DIGITS = tuple("YmdHMSjwuWsGVI")


def _moment(t: Translator, arguments: Sequence[Expr]) -> Moment:
    """Translate a time value and its modifiers to a day and time, as SQLite computes with it."""
    if not arguments:
        return Moment(NOW, "UTC", _TIME)
    modifiers = list(arguments[1:])
    names = [_constant(t, node) for node in modifiers]
    value = t.of(arguments[0])
    is_epoch = names[:1] == ["unixepoch"]
    moment = _read(t, value, is_epoch=is_epoch)
    for node, name in list(zip(modifiers, names, strict=True))[is_epoch:]:
        moment = _modified(t, moment, node, name)
    return moment


def _constant(t: Translator, node: Expr) -> str | None:
    if node.key != "literal":
        return None
    constant = t.of(node).constant
    return constant.strip().lower() if isinstance(constant, str) else None


def _read(t: Translator, value: Value, *, is_epoch: bool) -> Moment:
    if value.sort in NUMBERS:
        seconds = value.sql if is_epoch else f"({value.sql} - {_JULIAN_EPOCH}) * {_DAY_SECONDS}"
        return Moment(f"(to_timestamp({seconds}) AT TIME ZONE 'UTC')", "UTC", _TIME)
    if value.sort is Sort.NULL:
        return _NEVER
    if is_epoch and value.digits:
        return _read(t, number(value), is_epoch=True)
    require(not is_epoch, "unixepoch of something else than a number")
    if value.constant is not None:
        return _read_constant(str(value.constant))
    if value.sort in DATES:
        moment = value.moment
        require(moment is not None, "a date of several forms")
        assert moment is not None
        if moment.form is not None and moment.form.zone:
            return Moment(f"({value.sql} AT TIME ZONE 'UTC')", "UTC", moment.form)
        require(moment.form is not None or moment.zone == "UTC", "dates of several forms")
        return moment
    require(value.sort is Sort.TEXT, f"a date made of a {value.sort}")
    if value.moment is not None:
        return Moment(value.moment.whole, value.moment.zone, value.moment.form)
    return Moment(t.context.call("sqlite_timestamp", value.sql), "UTC", _TIME)


def _read_constant(text: str) -> Moment:
    if text.strip().lower() == "now":
        return Moment(NOW, "UTC", _TIME)
    parsed = parse_date(text.strip())
    form = parsed.form if parsed and not parsed.form.zone else _TIME
    with closing(sqlite3.connect(":memory:")) as connection:
        # The shift by nothing makes the 1st of March of the 30th of February.
        naive, shifted = connection.execute(
            f"SELECT strftime({_WHOLE}, :text), strftime({_WHOLE}, :text, '+0 days')",
            {"text": text},
        ).fetchone()
    require(naive == shifted, "a day that is not on the calendar")
    if naive is None:
        return _NEVER
    return Moment(f"'{naive.removesuffix('.000')}'::timestamp", "UTC", form)


def _modified(t: Translator, moment: Moment, node: Expr, name: str | None) -> Moment:
    if name is None:
        return _moved(moment, _computed_interval(t, node))
    if found := _SHIFT.fullmatch(name):
        return _moved(moment, (found[1].replace(" ", ""), found[2]))
    if found := _CLOCK_SHIFT.fullmatch(name):
        return _with(moment, f"({moment.naive} {found[1]} INTERVAL '{found[2]}')")
    if found := _START.fullmatch(name):
        return _with(moment, f"date_trunc('{found[1]}', {moment.naive})")
    if found := _WEEKDAY.fullmatch(name):
        ahead = f"(({found[1]} + 7 - extract(dow FROM {moment.naive})::integer) % 7)"
        return _with(moment, f"({moment.naive} + {ahead} * INTERVAL '1 day')")
    if name == "localtime":
        local = f"({at_zone(moment.naive, 'UTC')} AT TIME ZONE '{t.context.zone}')"
        return Moment(local, t.context.zone, moment.form)
    if name == "utc":
        utc = f"({at_zone(moment.naive, t.context.zone)} AT TIME ZONE 'UTC')"
        return Moment(utc, "UTC", moment.form)
    raise UntranslatableError(f"the date modifier {name!r}")


def _with(moment: Moment, naive: str) -> Moment:
    return Moment(naive, moment.zone, moment.form)


def _computed_interval(t: Translator, node: Expr) -> tuple[str, str]:
    """Read a modifier such as `'-' || n || ' days'`."""
    parts = _joined(node)
    unit = _ENDING.fullmatch((_constant(t, parts[-1]) or "").replace("  ", " "))
    has_sign = len(parts) == len(("-", "n", " days"))
    sign = _constant(t, parts[0]) if has_sign else ""
    if unit is None or len(parts) - has_sign != len(("n", " days")) or sign not in ("", "+", "-"):
        raise UntranslatableError("a date modifier that is computed")
    amount = t.number(parts[-2])
    require(amount.sort is Sort.INTEGER, "a date modifier that is computed")
    if not sign:
        return f"({amount.sql})", unit[1]
    # With a sign of its own behind another one it is no modifier.
    known = f"(CASE WHEN {amount.sql} >= 0 THEN {amount.sql} END)"
    return f"{'-' if sign == '-' else ''}{known}", unit[1]


def _joined(node: Expr) -> list[Expr]:
    if node.key == "paren":
        return _joined(node.this)
    if node.key == "dpipe":
        return [*_joined(node.this), *_joined(node.expression)]
    return [node]


def _moved(moment: Moment, interval: tuple[str, str]) -> Moment:
    amount, unit = interval
    naive = moment.naive
    if unit not in ("month", "year"):
        by = f"{amount} * INTERVAL '1 {unit}'"
        if re.fullmatch(r"[+-]?\d+(\.\d+)?", amount):
            by = f"INTERVAL '{amount} {unit}'"
        return _with(moment, f"({naive} + {by})")
    # SQLite counts on into the next month where there is no such day: 31 January + 1 month.
    by = f"{amount.lstrip('+')} * INTERVAL '1 {unit}'"
    first = f"date_trunc('month', {naive})"
    return _with(moment, f"({first} + {by} + ({naive} - {first}))")


def _written(t: Translator, moment: Moment, form: DateForm, pattern: str) -> Value:
    sql = to_char(moment.naive, pattern, t.context)
    return Value(sql, Sort.TEXT, moment=Moment(moment.naive, moment.zone, form))


def _date(t: Translator, arguments: Sequence[Expr]) -> Value:
    return _written(t, _moment(t, arguments), _DAY, "YYYY-MM-DD")


def _datetime(t: Translator, arguments: Sequence[Expr]) -> Value:
    moment = _moment(t, arguments)
    whole = moment
    if moment.naive != NOW and (moment.form is None or moment.form.fraction_digits):
        whole = _with(moment, f"date_trunc('second', {moment.naive})")
    return _written(t, whole, _TIME, "YYYY-MM-DD HH24:MI:SS")


def _time(t: Translator, arguments: Sequence[Expr]) -> Value:
    return Value(to_char(_moment(t, arguments).naive, "HH24:MI:SS", t.context), Sort.TEXT)


def _julianday(t: Translator, arguments: Sequence[Expr]) -> Value:
    naive = _moment(t, arguments).naive
    seconds = f"extract(epoch FROM {naive})::double precision"
    return Value(f"({seconds} / {_DAY_SECONDS} + {_JULIAN_EPOCH})", Sort.REAL)


def _unixepoch(t: Translator, arguments: Sequence[Expr]) -> Value:
    return Value(f"floor(extract(epoch FROM {_moment(t, arguments).naive}))::bigint", Sort.INTEGER)


def _strftime(t: Translator, arguments: Sequence[Expr]) -> Value:
    form = t.of(arguments[0]).constant if arguments else None
    if not isinstance(form, str):
        raise UntranslatableError("strftime() with a format that is not a string")
    moment = _moment(t, arguments[1:])
    known = {"%Y-%m-%d": _date, "%Y-%m-%d %H:%M:%S": _datetime, "%F": _date}.get(form)
    if known is not None:
        return known(t, arguments[1:])
    parts = _parts(form, moment, t.context)
    sql = " || ".join(parts) if len(parts) == 1 else f"({' || '.join(parts)})"
    digits = form[:1] == "%" and form[1:] in _NUMBERS_OF_DIGITS
    return Value(sql, Sort.TEXT, digits=digits, moment=_iso(form, moment))


def _iso(form: str, moment: Moment) -> Moment | None:
    """Give the moment that a format writes whole, so that it can be compared as one."""
    written = {
        "%Y-%m-%dT%H:%M:%S": DateForm("T", seconds=True),
        "%Y-%m-%dT%H:%M:%SZ": DateForm("T", seconds=True, zone="Z"),
        "%Y-%m-%d %H:%M": DateForm(" "),
        "%Y-%m-%d %H:%M:%f": DateForm(" ", seconds=True, fraction_digits=3),
        "%Y-%m-%dT%H:%M:%fZ": DateForm("T", seconds=True, fraction_digits=3, zone="Z"),
        "%Y-%m-%dT%H:%M:%f": DateForm("T", seconds=True, fraction_digits=3),
    }.get(form)
    return Moment(moment.naive, moment.zone, written) if written else None


def _parts(form: str, moment: Moment, context: Context) -> list[str]:
    parts: list[str] = []
    pattern = ""
    for sign in re.findall(r"%.|[^%]+|%", form, re.DOTALL):
        code = sign[1:] if sign.startswith("%") else ""
        if code in _PATTERNS:
            pattern += _PATTERNS[code]
        elif code in _COMPUTED:
            parts += _pattern(pattern, moment, context)
            pattern = ""
            parts.append(_COMPUTED[code].format(moment.naive))
        elif sign == "%%" or not sign.startswith("%"):
            pattern += '"' + ("%" if sign == "%%" else _escaped(sign)) + '"'
        else:
            raise UntranslatableError(f"strftime() with {sign}")
    return parts + _pattern(pattern, moment, context)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _pattern(pattern: str, moment: Moment, context: Context) -> list[str]:
    return [to_char(moment.naive, pattern, context)] if pattern else []


def _current(form: DateForm, pattern: str) -> Rule:
    return lambda t, _: _written(t, Moment(NOW, "UTC", _TIME), form, pattern)


def _current_time(t: Translator, _: Expr) -> Value:
    return Value(to_char(NOW, "HH24:MI:SS", t.context), Sort.TEXT)


FUNCTIONS: dict[str, Function] = {
    "date": _date,
    "datetime": _datetime,
    "julianday": _julianday,
    "strftime": _strftime,
    "time": _time,
    "unixepoch": _unixepoch,
}

RULES: dict[str, Rule] = {
    "currenttimestamp": _current(_TIME, "YYYY-MM-DD HH24:MI:SS"),
    "currentdate": _current(_DAY, "YYYY-MM-DD"),
    "currenttime": _current_time,
}
