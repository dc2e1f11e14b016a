"""Reads columns of instants that are written as texts, for Postgres."""

from __future__ import annotations

import re
import struct
from datetime import datetime
from operator import add
from typing import TYPE_CHECKING, cast

from pytest_deploy.transfer.remembered import Remembered

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

    from pytest_deploy.schema.kinds import RawValue

_ZERO = datetime(2000, 1, 1)  # noqa: DTZ001 - compared with dates made free of their zone
_DAY_S, _HOUR_S, _SECOND = 86_400, 3_600, 1_000_000
_HOUR_OF_DAY = re.compile(rb"[ T]([01]\d|2[0-3])", re.ASCII)
_MINUTES_SECONDS = re.compile(rb":([0-5]\d):([0-5]\d)", re.ASCII)
_DAY, _HOUR, _WHOLE = len("2024-01-01"), len("2024-01-01 00"), len("2024-01-01 00:00:00")
_CUT = f"{_HOUR}s{_WHOLE - _HOUR}s"


class Moments:
    """
    Reads instants: most of a column by looking up what was read before.

    A day is read once and so is what stands behind it, as long as it is written ` HH:MM:SS`. A day
    on which the zone changes its offset is never kept.

    Args:
        zone: The zone of dates that name none.
    """

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._days = Remembered(self._day)
        self._hours = Remembered(self._hour)

    def column(self, values: Sequence[RawValue]) -> list[int] | None:
        """
        Read a column whose instants are all written alike, to the second and without a zone.

        Args:
            values: Texts as bytes.

        Returns:
            Microseconds from 2000 on; None where some are written otherwise, or are no texts.
        """
        try:
            texts = b"".join(cast("Sequence[bytes]", values))
            if set(map(len, cast("Sequence[bytes]", values))) != {_WHOLE}:
                return None
            cut = struct.unpack(_CUT * len(values), texts)
            hours = map(self._hours.__getitem__, cut[::2])
            return list(map(add, hours, map(_rests.__getitem__, cut[1::2])))
        except (KeyError, TypeError):
            return None

    def moment(self, value: bytes) -> int:
        """
        Read one instant.

        Args:
            value: An ISO date, with or without time, fraction and zone.

        Returns:
            Microseconds from 2000 on.
        """
        read = datetime.fromisoformat(value.decode())
        offset = read.utcoffset() or (None if read.tzinfo else self._zone.utcoffset(read))
        since = read.replace(tzinfo=None) - _ZERO
        if offset:
            since -= offset
        return (since.days * _DAY_S + since.seconds) * _SECOND + since.microseconds

    def _hour(self, text: bytes) -> int:
        found = _HOUR_OF_DAY.fullmatch(text[_DAY:])
        if found is None:
            raise KeyError
        return self._days[text[:_DAY]] + int(found[1]) * _HOUR_S * _SECOND

    def _day(self, text: bytes) -> int:
        try:
            first, last = self.moment(text), self.moment(text + b" 23:59:59")
        except ValueError:
            raise KeyError from None
        if last - first != (_DAY_S - 1) * _SECOND:
            raise KeyError
        return first


def _rest(text: bytes) -> int:
    """Read minutes and seconds; a fraction or a zone has its own way."""
    found = _MINUTES_SECONDS.fullmatch(text)
    if found is None:
        raise KeyError
    minutes, seconds = map(int, found.groups())
    return (minutes * 60 + seconds) * _SECOND


_rests = Remembered(_rest)  # of all columns: there are 3,600 of them
