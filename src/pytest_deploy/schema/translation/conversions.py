"""Brings values to text, to another type, to one common type, or to the type of a column."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_deploy.schema.identifiers import literal
from pytest_deploy.schema.kinds import Kind
from pytest_deploy.schema.model import Affinity
from pytest_deploy.schema.translation.scope import as_postgres_has_it, at_zone
from pytest_deploy.schema.translation.values import (
    DATES,
    KIND_OF,
    LARGEST_INTEGER,
    NUMBERS,
    SMALLEST_INTEGER,
    SORT_OF,
    Sort,
    UntranslatableError,
    Value,
    number,
    require,
    text,
    truth,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_deploy.schema.dates import DateForm
    from pytest_deploy.schema.translation.expressions import Context
    from pytest_deploy.schema.translation.scope import VisibleColumn

_ONE_TEXT = frozenset({Sort.INTEGER, Sort.TEXT})


def as_text(value: Value, context: Context) -> str:
    """
    Give the text that SQLite makes of a value.

    Args:
        value: Any value.
        context: What the translation goes by.

    Returns:
        SQL of type text.

    Raises:
        UntranslatableError: It is a blob, or a date of which SQLite has several forms.
    """
    if value.sort is Sort.TEXT:
        require(not value.loose, "the text of what is now a real, now a text")
        return value.sql
    if value.sort is Sort.NULL:
        return "NULL::text"
    if value.sort is Sort.FLAG:
        return f"{value.sql}::integer::text"
    if value.sort is Sort.INTEGER:
        return f"{value.sql}::text"
    if value.sort is Sort.DECIMAL:
        return _decimal_text(value, context)
    if value.sort is Sort.REAL:
        require(not (value.loose or value.zero), "the text of what is now whole, now not")
        return context.call("sqlite_text", value.sql)
    require(value.sort in DATES, f"the text of a {value.sort}")
    return _date_text(value, context)


def _decimal_text(value: Value, context: Context) -> str:
    """Write an integer where a column makes one of every whole number, else a real as it is."""
    require(value.numeric, "the text of what may be a whole number and still a real")
    number, real = value.sql, context.call("sqlite_text", f"({value.sql})::double precision")
    is_integer = f"{number} BETWEEN {SMALLEST_INTEGER} AND {LARGEST_INTEGER}"
    is_whole = f"{number} = trunc({number}) AND {is_integer}"
    return f"(CASE WHEN {is_whole} THEN trunc({number})::text ELSE {real} END)"


def _date_text(value: Value, context: Context) -> str:
    moment = value.moment
    if moment is None or moment.form is None:
        raise UntranslatableError("the text of dates that are written in several forms")
    return to_char(moment.naive, pattern_of(moment.form), context)


def pattern_of(form: DateForm) -> str:
    """
    Give the pattern by which Postgres writes a form of date.

    Args:
        form: The form.

    Returns:
        For `to_char`.

    Source: https://www.postgresql.org/docs/current/functions-formatting.html
    """
    if form.is_day:
        return "YYYY-MM-DD"
    separator = '"T"' if form.separator == "T" else form.separator
    pattern = f"YYYY-MM-DD{separator}HH24:MI"
    if form.seconds:
        pattern += ":SS"
    if form.fraction_digits:
        pattern += f".FF{form.fraction_digits}"
    return pattern + (f'"{form.zone}"' if form.zone else "")


def to_char(naive: str, pattern: str, context: Context) -> str:
    """
    Write a date as text.

    Args:
        naive: SQL of type `timestamp`.
        pattern: See `pattern_of`.
        context: Says whether Postgres wants it immutable, which its own `to_char` is not.

    Returns:
        SQL of type text.
    """
    if context.immutable:
        return context.call("sqlite_to_char", naive, literal(pattern))
    return f"to_char({naive}, {literal(pattern)})"


def cast(value: Value, affinity: Affinity, context: Context) -> Value:
    """
    Convert as CAST does.

    Args:
        value: Any value.
        affinity: That of the type named.
        context: What the translation goes by.

    Returns:
        The converted value.

    Raises:
        UntranslatableError: No equal is known.

    Source: https://www.sqlite.org/lang_expr.html#castexpr
    """
    if value.sort is Sort.NULL:
        return value
    if affinity is Affinity.TEXT:
        return Value(as_text(value, context), Sort.TEXT, textual=True)
    if affinity is Affinity.BLOB:
        if value.sort is Sort.BLOB:
            return value
        return Value(f"convert_to({as_text(value, context)}, 'UTF8')", Sort.BLOB)
    require(value.sort is not Sort.BLOB, "a number made of a blob")
    if affinity is Affinity.INTEGER:
        return replace(_to_integer(value, context), numeric=True)
    if affinity is Affinity.REAL:
        return replace(_to_real(value, context), numeric=True)
    return replace(_to_number(value, context), numeric=True)


def _to_integer(value: Value, context: Context) -> Value:
    if value.sort in (Sort.TEXT, *DATES) and not value.digits:
        return Value(context.call("sqlite_integer", as_text(value, context)), Sort.INTEGER)
    found = number(value)
    if found.sort is Sort.INTEGER:
        return found
    if found.sort is Sort.REAL:
        return Value(context.call("sqlite_truncated", found.sql), Sort.INTEGER)
    return Value(f"trunc({found.sql})::bigint", Sort.INTEGER)


def _to_real(value: Value, context: Context) -> Value:
    if value.sort in (Sort.TEXT, *DATES):
        return Value(context.call("sqlite_real", as_text(value, context)), Sort.REAL)
    found = number(value)
    return found if found.sort is Sort.REAL else Value(f"{found.sql}::double precision", Sort.REAL)


def _to_number(value: Value, context: Context) -> Value:
    if value.sort in (Sort.TEXT, *DATES) and not value.digits:
        return Value(context.call("sqlite_number", as_text(value, context)), Sort.DECIMAL)
    return number(value)


def case(conditions: Sequence[str], results: Sequence[Value], context: Context) -> Value:
    """
    Write a CASE.

    Args:
        conditions: One for each WHEN.
        results: One for each THEN, and one more where there is an ELSE.
        context: What the translation goes by.

    Returns:
        What it yields: the one sort that all results share.
    """
    alike = unified(results, context)
    branches = " ".join(
        f"WHEN {when} THEN {then.sql}" for when, then in zip(conditions, alike, strict=False)
    )
    default = f" ELSE {alike[-1].sql}" if len(alike) > len(conditions) else ""
    return result_of(f"CASE {branches}{default} END", alike)


def result_of(sql: str, values: Sequence[Value]) -> Value:
    """
    Describe what yields one of several values of one sort.

    Args:
        sql: SQL that yields one of them.
        values: See `unified`.

    Returns:
        The value, in parentheses.
    """
    sort = next((v.sort for v in values if v.sort is not Sort.NULL), Sort.NULL)
    if sort is Sort.NULL:
        return Value("NULL", Sort.NULL)
    zones = {v.moment.zone for v in values if v.moment}
    forms = {v.moment.form for v in values if v.moment}
    moment = None
    if sort in DATES and len(zones) == len(forms) == 1:
        first = next(v.moment for v in values if v.moment)
        naive = f"({sql})::timestamp" if sort is Sort.DAY else _local(sql, first.zone)
        moment = replace(first, naive=naive)
    digits = sort is Sort.TEXT and all(v.digits for v in values if v.sort is not Sort.NULL)
    is_truth = sort is Sort.FLAG and all(v.truth for v in values if v.sort is Sort.FLAG)
    return Value(
        f"({sql})",
        widest(values) if sort in NUMBERS else sort,
        moment=moment,
        digits=digits,
        truth=is_truth,
        mixed=any(v.mixed for v in values),
        loose=any(v.loose for v in values),
        zero=any(v.zero for v in values),
    )


def widest(values: Sequence[Value]) -> Sort:
    """
    Name the sort that holds numbers of several.

    Args:
        values: Numbers.

    Returns:
        A real where there is one, else a decimal, else an integer.
    """
    sorts = {value.sort for value in values}
    return next((s for s in (Sort.REAL, Sort.DECIMAL, Sort.INTEGER) if s in sorts), Sort.NULL)


def _local(sql: str, zone: str) -> str:
    return at_zone(f"({sql})", zone)


def unified(values: Sequence[Value], context: Context) -> list[Value]:
    """
    Bring several values to one sort, as the branches of a CASE must be.

    Args:
        values: Any values.
        context: What the translation goes by.

    Returns:
        The values, in their order, of one sort or NULL.

    Raises:
        UntranslatableError: SQLite would yield now one sort, now another.
    """
    sorts = {value.sort for value in values} - {Sort.NULL}
    if len(sorts) <= 1:
        return list(values)
    if sorts <= NUMBERS | {Sort.FLAG}:
        if sorts == {Sort.FLAG, Sort.INTEGER} and _only_flags(values):
            return [_as_flag(value) for value in values]
        return _numbers(values)
    if sorts <= DATES | {Sort.TEXT}:
        return [_as_text(value, context) for value in values]
    if Sort.BLOB not in sorts:
        known = [value for value in values if value.sort is not Sort.NULL]
        # Then no text reads as a number, and each number is one text.
        numeric = all(v.numeric and not v.loose and v.sort in _ONE_TEXT for v in known)
        texts = (_as_text(value, context) for value in values)
        return [replace(value, mixed=True, numeric=numeric) for value in texts]
    raise UntranslatableError(f"one of {', '.join(sorted(sorts))}")


def _numbers(values: Sequence[Value]) -> list[Value]:
    """Give numbers of one sort; an integer among reals is still divided as one by SQLite."""
    found = [value if value.sort is Sort.NULL else number(value) for value in values]
    if not any(value.sort is Sort.REAL for value in found):
        return found
    whole = any(v.sort in (Sort.INTEGER, Sort.DECIMAL) and v.constant != 0 for v in found)
    zero = any(v.sort is Sort.INTEGER for v in found)
    return [replace(v, loose=v.loose or whole, zero=v.zero or zero) for v in found]


def _only_flags(values: Sequence[Value]) -> bool:
    """Tell whether columns of 0 and 1 meet nothing but the literals 0 and 1."""
    kept = [value for value in values if value.sort is not Sort.NULL]
    return all(v.sort is Sort.FLAG or v.flag is not None for v in kept) and any(
        v.sort is Sort.FLAG and not v.truth for v in kept
    )


def _as_flag(value: Value) -> Value:
    if value.flag is None:
        return value
    return Value("true" if value.flag else "false", Sort.FLAG, truth=True)


def _as_text(value: Value, context: Context) -> Value:
    return value if value.sort is Sort.NULL else text(as_text(value, context))


def stored_as(value: Value, column: VisibleColumn, context: Context) -> str:
    """
    Give a value as it is stored in a column, with SQLite's affinity applied.

    Args:
        value: Any value.
        column: Where it goes.
        context: What the translation goes by.

    Returns:
        SQL of the column's type.

    Raises:
        UntranslatableError: SQLite would store there what the column cannot hold in Postgres.
    """
    sql = _stored(value, column, context)
    if column.instead_of_null is None or value.constant is not None:
        return sql
    return f"coalesce({sql}, {column.instead_of_null})"


def _stored(value: Value, column: VisibleColumn, context: Context) -> str:
    kind = KIND_OF[column.sort]
    if value.sort is Sort.NULL:
        return "NULL"
    if column.kind is not None:
        own = replace(column, kind=None)
        return as_postgres_has_it(_stored(value, own, context), column.kind)
    if value.sort is column.sort and value.sort not in DATES:
        return value.sql
    if kind is Kind.TEXT:
        return as_text(value, context)
    if kind is Kind.BOOLEAN:
        return truth(value) if value.flag is None else str(value.flag).lower()
    if kind in (Kind.DATE, Kind.TIMESTAMPTZ):
        return _stored_date(value, column)
    require(kind is not Kind.BYTEA, f"a {value.sort} in a column of blobs")
    found = number(value) if value.sort in NUMBERS | {Sort.FLAG} or value.digits else None
    if found is None:
        found = _stored_number(value)
    if kind is Kind.BIGINT and found.sort is not Sort.INTEGER:
        return context.call("sqlite_whole", f"({found.sql})::numeric")
    return found.sql if SORT_OF[kind] is found.sort else f"({found.sql})::{kind.value}"


def _stored_number(value: Value) -> Value:
    require(value.sort is Sort.TEXT, f"a {value.sort} in a column of numbers")
    return number(value)


def _stored_date(value: Value, column: VisibleColumn) -> str:
    if value.sort is column.sort:
        return value.sql
    moment = value.moment
    if moment is not None:
        is_day = moment.form is not None and moment.form.is_day
        require(is_day or column.sort is Sort.MOMENT, "a time in a column of days")
        return moment.day if column.sort is Sort.DAY else at_zone(moment.whole, moment.zone)
    require(value.sort is Sort.TEXT, f"a {value.sort} in a column of dates")
    if column.sort is Sort.DAY:
        return f"({value.sql})::date"
    if column.form is not None and column.form.zone:
        return f"({value.sql})::timestamptz"
    return at_zone(f"({value.sql})::timestamp", column.zone)
