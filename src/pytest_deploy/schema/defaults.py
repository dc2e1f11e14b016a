"""Column defaults: constants are computed by SQLite itself, the clock is translated."""

from __future__ import annotations

import math
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pytest_deploy.schema.dates import microseconds, parse_date
from pytest_deploy.schema.expressions import UntranslatableError
from pytest_deploy.schema.identifiers import literal
from pytest_deploy.schema.kinds import Kind, RawValue, TargetType, exact_decimal, fits
from pytest_deploy.schema.tokens import tokens

if TYPE_CHECKING:
    from datetime import tzinfo

    from pytest_deploy.schema.model import Column

_NOT_CONSTANT = frozenset(
    [
        "RANDOM",
        "RANDOMBLOB",
        "CURRENT_TIMESTAMP",
        "CURRENT_DATE",
        "CURRENT_TIME",
        "DATE",
        "TIME",
        "DATETIME",
        "JULIANDAY",
        "STRFTIME",
        "UNIXEPOCH",
        "TIMEDIFF",
        "CHANGES",
        "TOTAL_CHANGES",
        "LAST_INSERT_ROWID",
        "SQLITE_VERSION",
    ]
)
_NOW = {"CURRENT_TIMESTAMP", "DATETIME('NOW')"}
_TODAY = {"CURRENT_DATE", "DATE('NOW')"}
_UTC_NOW = "(now() AT TIME ZONE 'UTC')"
_CLOCK = {
    ("now", Kind.TIMESTAMPTZ): "now()",
    ("now", Kind.TEXT): f"to_char({_UTC_NOW}, 'YYYY-MM-DD HH24:MI:SS')",
    ("today", Kind.DATE): f"{_UTC_NOW}::date",
    ("today", Kind.TEXT): f"to_char({_UTC_NOW}, 'YYYY-MM-DD')",
}


def translate_default(column: Column, target: TargetType, zone: tzinfo) -> str | None:
    """
    Translate a column's default.

    Args:
        column: The column.
        target: Its type in Postgres.
        zone: The zone of dates that name none.

    Returns:
        Postgres' expression; None where there is no default, or it is NULL.

    Raises:
        UntranslatableError: It is no constant and not the clock, or does not fit the type.
    """
    if column.default is None:
        return None
    clock = _clock(column.default)
    if clock is not None:
        if (clock, target.kind) not in _CLOCK:
            raise UntranslatableError(f"the clock in a column of type {target.sql}")
        return _CLOCK[clock, target.kind]
    value = _constant(column)
    if not fits(value, target):
        raise UntranslatableError(f"a value that does not fit {target.sql}")
    return None if value is None else sql_literal(value, target, zone)


def _clock(default: str) -> str | None:
    words = "".join(token.text for token in tokens(default)).upper().strip("()")
    # Stripping takes the closing parenthesis of the call along with those around it.
    call = words + ")" if "(" in words else words
    if call in _NOW:
        return "now"
    return "today" if call in _TODAY else None


def _constant(column: Column) -> RawValue:
    """Let SQLite compute the default as it would for a new row, affinity included."""
    default = column.default or "NULL"
    words = {token.word for token in tokens(default)}
    if words & _NOT_CONSTANT:
        raise UntranslatableError(" ".join(sorted(words & _NOT_CONSTANT)).lower() + "()")
    connection = sqlite3.connect(":memory:")
    try:
        for written in (default, f"({default})"):
            try:
                connection.execute(f"CREATE TABLE d (x, c {column.declared} DEFAULT {written})")
                connection.execute("INSERT INTO d (x) VALUES (1)")
            except sqlite3.Error:
                connection.execute("DROP TABLE IF EXISTS d")
                continue
            value: RawValue = connection.execute("SELECT c FROM d").fetchone()[0]
            return value
    finally:
        connection.close()
    raise UntranslatableError("its expression")


def sql_literal(value: RawValue, target: TargetType, zone: tzinfo) -> str:
    """
    Write a value that fits as a Postgres literal.

    Args:
        value: A raw value other than NULL.
        target: The type it fits.
        zone: The zone of dates that name none.

    Returns:
        The literal.
    """
    if isinstance(value, bytes):
        return f"'\\x{value.hex()}'::bytea"
    if target.kind is Kind.BOOLEAN:
        return "true" if value else "false"
    if target.kind is Kind.TIMESTAMPTZ:
        return literal(_instant(str(value), zone)) + "::timestamptz"
    if target.kind is Kind.DATE:
        return literal(str(value)) + "::date"
    if target.kind is Kind.TEXT:
        return literal(str(value))
    if isinstance(value, float) and target.kind is Kind.DOUBLE:
        return literal(repr(value)) + "::double precision"
    if isinstance(value, float) and not math.isfinite(value):
        return literal(repr(value)) + "::numeric"
    return f"{exact_decimal(value):f}" if isinstance(value, int | float) else literal(str(value))


def _instant(text: str, zone: tzinfo) -> str:
    parsed = parse_date(text)
    if parsed is None:
        raise UntranslatableError("a date that is not on the calendar")
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds(parsed, zone))
    return moment.isoformat(sep=" ")
