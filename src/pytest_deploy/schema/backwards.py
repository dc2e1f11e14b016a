"""One value on its way back: from what Postgres holds to what the app's SQLite would hold of it."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, TypeAlias

from pytest_deploy.schema.dates import DateForm, microseconds, parse_date
from pytest_deploy.schema.kinds import INSTANTS, Kind, exact_decimal, fits
from pytest_deploy.schema.model import Affinity

if TYPE_CHECKING:
    from datetime import tzinfo

    from pytest_deploy.schema.instants import Unit
    from pytest_deploy.schema.kinds import RawValue
    from pytest_deploy.schema.plan import PlannedColumn

Held: TypeAlias = "int | float | str | bytes | bool | None"

_READ = {
    Kind.NUMERIC: "trim_scale({c})::text",
    Kind.DATE: "date_send({c})",
    Kind.UUID: "{c}::text",
    Kind.JSON: "{c}::text",
    **dict.fromkeys((Kind.TIMESTAMPTZ, *INSTANTS), "timestamptz_send({c})"),
}
_DAY_ZERO = date(2000, 1, 1).toordinal()
_ZERO = datetime(2000, 1, 1, tzinfo=UTC)
_FROM_1970_TO_2000 = 946_684_800_000_000
_MOMENT = DateForm(" ", seconds=True)
_FINEST = 6  # digits of a second that Postgres keeps
_BEYOND_INTEGER = 2**63


class NoWayBackError(ValueError):
    """A value that SQLite has no form for; it is not shown."""


def read_sql(kind: Kind, column: str) -> str:
    """
    Write how a value is read that is to go back.

    Args:
        kind: The family of its type.
        column: SQL for the column.

    Returns:
        An SQL expression that loses nothing on its way through a driver.
    """
    return _READ.get(kind, "{c}").format(c=column)


def backwards(held: Held, column: PlannedColumn, zone: tzinfo) -> RawValue:
    """
    Write a value as the app would have written it.

    Args:
        held: What Postgres holds, read as `read_sql` says.
        column: Its column.
        zone: The zone of dates that name none.

    Returns:
        A value of which the way forth makes the same again; a date in the one form that the column
        has, where that form can say it.

    Raises:
        NoWayBackError: There is none, such as of an infinite date.
    """
    if held is None:
        return None
    made = _made(held, column, zone)
    if not fits(made, column.type):
        raise NoWayBackError
    return made


def _made(held: float | str | bytes, column: PlannedColumn, zone: tzinfo) -> RawValue:
    kind = column.type.kind
    if isinstance(held, bool):
        return int(held)
    if isinstance(held, float):
        return _real(held)
    if isinstance(held, str):
        return _number(held, column) if kind is Kind.NUMERIC else held
    if isinstance(held, int) or kind is Kind.BYTEA:
        return held
    sent = int.from_bytes(held, signed=True)
    if kind is Kind.DATE:
        return _day(sent)
    return _counted(sent, kind.unit) if kind.unit else _moment(sent, column.form or _MOMENT, zone)


def _real(held: float) -> float:
    if math.isnan(held):
        raise NoWayBackError  # SQLite would keep NULL
    return held


def _number(text: str, column: PlannedColumn) -> int | float:
    exact = Decimal(text)
    if exact.is_nan():
        raise NoWayBackError
    is_whole = exact.is_finite() and exact == exact.to_integral_value()
    fits_integer = is_whole and -_BEYOND_INTEGER <= exact < _BEYOND_INTEGER
    if fits_integer and column.source.affinity is not Affinity.REAL:
        return int(exact)
    real = float(exact)
    if exact.is_finite() and (math.isinf(real) or exact_decimal(real) != exact):
        raise NoWayBackError
    return real


def _day(days: int) -> str:
    try:
        return date.fromordinal(_DAY_ZERO + days).isoformat()
    except (ValueError, OverflowError):
        raise NoWayBackError from None


def _moment(since_2000: int, form: DateForm, zone: tzinfo) -> str:
    try:
        moment = _ZERO + timedelta(microseconds=since_2000)
        shown = moment.astimezone(_zone_of(form, zone))
    except OverflowError:
        raise NoWayBackError from None
    wanted = _FROM_1970_TO_2000 + since_2000
    for one in (form, _finer(form), _finer(form)._replace(zone="Z")):
        at = moment if one.zone == "Z" else shown
        text = _written(at, one)
        parsed = parse_date(text)
        if parsed is not None and microseconds(parsed, zone) == wanted:
            return text
    raise NoWayBackError


def _zone_of(form: DateForm, zone: tzinfo) -> tzinfo:
    if not form.zone:
        return zone
    if form.zone == "Z":
        return UTC
    hours, minutes = map(int, form.zone[1:].split(":"))
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if form.zone[0] == "-" else offset)


def _finer(form: DateForm) -> DateForm:
    return DateForm(form.separator or " ", True, _FINEST, form.zone)  # noqa: FBT003 - its seconds


def _written(at: datetime, form: DateForm) -> str:
    if form.is_day:
        return at.date().isoformat()
    text = f"{at.date().isoformat()}{form.separator}{at:%H:%M}"
    if form.seconds:
        text += f":{at:%S}"
    if form.fraction_digits:
        text += f".{at.microsecond:06}"[: form.fraction_digits + 1]
    return text + form.zone


def _counted(since_2000: int, unit: Unit) -> int | float:
    number = Fraction(_FROM_1970_TO_2000 + since_2000 - unit.zero, unit.length)
    is_whole = number.denominator == 1 and not unit.real
    return int(number) if is_whole else float(number)
