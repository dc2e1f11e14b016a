"""Numbers by which applications store instants: seconds, milliseconds, Julian days, Core Data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import TypeAlias

Number: TypeAlias = int | float

_SECOND, _DAY = 1_000_000, 86_400_000_000  # microseconds
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_JULIAN_ZERO = -210_866_760_000_000_000  # noon of 24 November 4714 BC, before 1970
_CORE_DATA_ZERO = 978_307_200_000_000  # 2001
_FIRST_PLAUSIBLE = 315_532_800_000_000  # 1980
_LAST_PLAUSIBLE = 4_102_444_800_000_000  # 2100
_FIRST = -62_135_596_800_000_000  # the year 1, as far back as Python counts
_LAST = 253_402_300_800_000_000  # the year 10,000


@dataclass(frozen=True)
class Unit:
    """
    How a number counts.

    Args:
        zero: Where it is 0, in microseconds from 1970 on.
        length: What 1 is, in microseconds.
        whole: Whether it is an integer, always.
        real: Whether it is a real, always; a column of neither has what its affinity makes of it.
        read: SQL for the number, of `{e}`: seconds from 1970 on, as `numeric`.
        written: SQL of type `timestamp` in UTC, of `{n}`: the number.
    """

    zero: int
    length: int
    whole: bool
    real: bool
    read: str
    written: str


UNITS = {
    "seconds": Unit(
        *(0, _SECOND, True, False),
        read="floor({e})::bigint",
        written="timestamp 'epoch' + ({n}) * interval '1 second'",
    ),
    "milliseconds": Unit(
        *(0, 1_000, True, False),
        read="floor({e} * 1000)::bigint",
        written="timestamp 'epoch' + ({n}) * interval '1 millisecond'",
    ),
    "julian days": Unit(
        *(_JULIAN_ZERO, _DAY, False, True),
        read="({e} / 86400 + 2440587.5)::double precision",
        written="timestamp 'epoch' + (({n}) - 2440587.5) * interval '1 day'",
    ),
    "core data": Unit(
        *(_CORE_DATA_ZERO, _SECOND, False, False),
        read="trim_scale({e} - 978307200)",
        written="timestamp '2001-01-01' + ({n}) * interval '1 second'",
    ),
}


def microseconds_of(number: Number, unit: Unit) -> int:
    """
    Give the instant that a number names.

    Args:
        number: A finite number.
        unit: How it counts.

    Returns:
        Microseconds from 1970-01-01T00:00:00Z on, to the nearest.
    """
    if isinstance(number, int):
        return unit.zero + number * unit.length
    return unit.zero + round(Fraction(number) * unit.length)


def moment_of(number: Number, unit: Unit) -> datetime:
    """
    Give the instant that a number names, see `microseconds_of`.

    Args:
        number: A number that `is_instant`.
        unit: How it counts.

    Returns:
        The instant, in UTC.
    """
    return _EPOCH + timedelta(microseconds=microseconds_of(number, unit))


def is_instant(value: object, unit: Unit) -> bool:
    """
    Tell whether a value can be made again from the instant that it names.

    Args:
        value: A stored value.
        unit: How it counts.

    Returns:
        Whether it is a number of the unit's class, of a year that can be written, and no finer
        than a microsecond.
    """
    wanted = int if unit.whole else float if unit.real else (int, float)
    if not isinstance(value, int | float) or not isinstance(value, wanted):
        return False
    if not math.isfinite(value):
        return False
    at = microseconds_of(value, unit)
    if not _FIRST <= at < _LAST:
        return False
    again = Fraction(at - unit.zero, unit.length)
    is_whole = again.denominator == 1 and not unit.real
    made = int(again) if is_whole else float(again)
    return type(value) is type(made) and value == made


def is_plausible(value: Number, unit: Unit) -> bool:
    """
    Tell whether a number may well be an instant of a unit.

    Args:
        value: A number.
        unit: How it would count.

    Returns:
        Whether it `is_instant` between 1980 and 2100.
    """
    if not is_instant(value, unit):
        return False
    return _FIRST_PLAUSIBLE <= microseconds_of(value, unit) < _LAST_PLAUSIBLE
