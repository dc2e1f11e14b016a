"""The forms in which SQLite applications store dates as text."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple

_ISO = re.compile(
    r"\d{4}-\d{2}-\d{2}"
    r"(?:([ T])\d{2}:\d{2}(?::(\d{2})(?:\.(\d{1,6}))?)?(Z|[+-]\d{2}:\d{2})?)?",
    re.ASCII,
)
_DAY, _HOUR = len("2024-01-01"), len("2024-01-01 00")
_HOURS = frozenset(f"{separator}{hour:02}" for separator in " T" for hour in range(24))
_REMEMBERED = 10_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_OFFSET, _LARGEST_OFFSET = timedelta(), timedelta(hours=16)  # Postgres refuses 16 and more
_MICROSECOND = timedelta(microseconds=1)


class DateForm(NamedTuple):
    """
    How a date is written: what must be known to write it again from its instant.

    Args:
        separator: ` ` or `T`; empty for a day without a time.
        seconds: Whether seconds are written.
        fraction_digits: How many digits follow the seconds.
        zone: `Z`, an offset such as `+02:00`, or empty.
    """

    separator: str = ""
    seconds: bool = False
    fraction_digits: int = 0
    zone: str = ""

    @property
    def is_day(self) -> bool:
        """Whether it is a day without a time."""
        return not self.separator


class ParsedDate(NamedTuple):
    """
    A date read from text.

    Args:
        form: How it was written.
        moment: When it is; without a zone where none was written.
    """

    form: DateForm
    moment: datetime


def parse_date(text: str) -> ParsedDate | None:
    """
    Read an ISO date, with or without time, fraction and zone.

    Args:
        text: A stored value.

    Returns:
        The date and its form; None where it is not one that exists on the calendar.

    Source: https://www.sqlite.org/lang_datefunc.html#time_values
    """
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    separator, seconds, fraction, zone = match.groups()
    form = DateForm(separator or "", seconds is not None, len(fraction or ""), zone or "")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if zone and abs(moment.utcoffset() or _NO_OFFSET) >= _LARGEST_OFFSET:
        return None
    return ParsedDate(form, moment)


def form_of(text: str) -> DateForm | None:
    """
    Tell how a date is written, as `parse_date` does, of many dates quickly.

    Args:
        text: A stored value.

    Returns:
        Its form; None where it is no date.
    """
    if len(text) <= _DAY:
        return _form_of_day(text)
    if text[_DAY:_HOUR] not in _HOURS:
        parsed = parse_date(text)
        return parsed.form if parsed else None
    # The day, the hour and what stands behind it are right or wrong each by itself.
    return _form_in_day(text[_DAY] + text[_HOUR:]) if _form_of_day(text[:_DAY]) else None


@lru_cache(maxsize=_REMEMBERED)
def _form_of_day(text: str) -> DateForm | None:
    parsed = parse_date(text)
    return parsed.form if parsed else None


@lru_cache(maxsize=_REMEMBERED)
def _form_in_day(text: str) -> DateForm | None:
    parsed = parse_date(f"2000-01-01{text[0]}00{text[1:]}")
    return parsed.form if parsed else None


def microseconds(parsed: ParsedDate, zone: tzinfo) -> int:
    """
    Give the instant that a date names.

    Args:
        parsed: A date.
        zone: The zone of dates that name none; an hour that comes twice is the first one.

    Returns:
        Microseconds since 1970-01-01T00:00:00Z.
    """
    moment = parsed.moment if parsed.moment.tzinfo else parsed.moment.replace(tzinfo=zone)
    return (moment - _EPOCH) // _MICROSECOND


def day_of(parsed: ParsedDate) -> date:
    """
    Give the day that a date names as it was written.

    Args:
        parsed: A date.

    Returns:
        Its day, whatever the zone.
    """
    return parsed.moment.date()
