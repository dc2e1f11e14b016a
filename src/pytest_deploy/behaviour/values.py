"""Values of both sides in one form, in which they can be compared."""

from __future__ import annotations

import re
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pytest_deploy.schema.dates import day_of, microseconds, parse_date
from pytest_deploy.schema.instants import moment_of
from pytest_deploy.schema.kinds import Kind, exact_decimal

if TYPE_CHECKING:
    from collections.abc import Hashable
    from datetime import tzinfo

    from pytest_deploy.schema.kinds import RawValue

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_JULIAN_EPOCH, _DAY_S = 2440587.5, 86_400
_NEAR_S = 900  # the target's clock stands still during a transaction
_CLOCK_TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d", re.ASCII)
_SHORTEST = len("10:00:00")
NOW = "<now>"


def parameter(value: RawValue, kind: Kind, zone: tzinfo) -> Any:  # noqa: ANN401 - what psycopg takes
    """
    Give a raw value as a parameter for Postgres, as rows go over.

    Args:
        value: A value of the source.
        kind: The family of its column's type.
        zone: The zone of dates that name none.

    Returns:
        What psycopg sends as a value of that type.
    """
    if value is None or isinstance(value, bytes) or kind is Kind.BYTEA:
        return value.encode() if isinstance(value, str) else value
    if kind is Kind.BOOLEAN and value in (0, 1):
        return bool(value)
    if kind is Kind.NUMERIC and isinstance(value, float):
        return exact_decimal(value)
    if kind.unit is not None and isinstance(value, int | float):
        return moment_of(value, kind.unit)
    if kind is Kind.TEXT:
        return repr(value) if isinstance(value, float) else str(value)
    parsed = parse_date(value) if isinstance(value, str) else None
    if parsed and kind is Kind.DATE:
        return day_of(parsed)
    if parsed and kind is Kind.TIMESTAMPTZ:
        return _EPOCH + timedelta(microseconds=microseconds(parsed, zone))
    return value


def of_source(value: RawValue, kind: Kind, zone: tzinfo) -> Hashable:
    """
    Give a value of SQLite in the common form.

    Args:
        value: The raw value.
        kind: The family of its column's type in Postgres.
        zone: The zone of dates that name none.

    Returns:
        The form; what is within minutes of now is all one.
    """
    if value is None:
        return None
    if kind is Kind.TIMESTAMPTZ or kind.unit is not None:
        return of_target(parameter(value, kind, zone), zone)
    if is_now(value):
        return NOW
    if kind is Kind.NUMERIC and isinstance(value, int | float):
        return exact_decimal(value).normalize()
    if kind is Kind.DOUBLE and isinstance(value, int | float):
        return float(value)
    return parameter(value, kind, zone)  # type: ignore[no-any-return]


def of_target(value: Any, zone: tzinfo) -> Hashable:  # noqa: ANN401 - what psycopg gives
    """
    Give a value of Postgres in the common form.

    Args:
        value: As psycopg gives it.
        zone: The zone of dates that name none.

    Returns:
        The form, see `of_source`.
    """
    if isinstance(value, datetime):
        # What SQLite's clock wrote is UTC, but reads as a date of the app's zone.
        read = value.astimezone(zone).replace(tzinfo=UTC)
        return NOW if is_now(value) or is_now(read) else value
    if value is None or is_now(value):
        return None if value is None else NOW
    if isinstance(value, Decimal):
        return value.normalize()
    return bytes(value) if isinstance(value, memoryview) else value


def is_now(value: object) -> bool:
    """
    Tell whether a value is what a clock says, in any of the forms that SQLite has.

    Args:
        value: Of either side.

    Returns:
        Whether it lies within minutes of now.
    """
    if isinstance(value, str):
        is_long = len(value) >= _SHORTEST and value[:1].isdecimal()
        return is_long and _is_now_as_text(value, datetime.now(UTC))
    if isinstance(value, int | float | Decimal):
        return _is_now_as_number(value)
    if isinstance(value, datetime):
        return abs(value - datetime.now(UTC)) < timedelta(seconds=_NEAR_S)
    return isinstance(value, date) and value == datetime.now(UTC).date()


def _is_now_as_number(value: float | Decimal) -> bool:
    seconds = time.time()
    days = seconds / _DAY_S + _JULIAN_EPOCH
    near_day = isinstance(value, float) and abs(value - days) < _NEAR_S / _DAY_S
    return near_day or abs(float(value) - seconds) < _NEAR_S


def _is_now_as_text(value: str, now: datetime) -> bool:
    if _CLOCK_TIME.fullmatch(value):
        today = datetime.fromisoformat(f"{now:%Y-%m-%d} {value}+00:00")
        return abs(today - now) < timedelta(seconds=_NEAR_S)
    parsed = parse_date(value)
    if parsed is None:
        return value.isdecimal() and abs(int(value) - now.timestamp()) < _NEAR_S
    if parsed.form.is_day:
        return day_of(parsed) == now.date()
    return abs(timedelta(microseconds=microseconds(parsed, UTC)) - (now - _EPOCH)) < timedelta(
        seconds=_NEAR_S
    )
