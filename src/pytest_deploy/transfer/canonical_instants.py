"""The canonical form of instants written as texts: microseconds as Postgres counts them."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from operator import add
from typing import TYPE_CHECKING, cast

from pytest_deploy.schema.dates import microseconds, parse_date
from pytest_deploy.transfer.remembered import Remembered

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

    from pytest_deploy.schema.kinds import RawValue

TIME_ZERO = 946_684_800_000_000  # 2000-01-01, from where Postgres counts microseconds
_ZERO = datetime(2000, 1, 1, tzinfo=UTC)
_NAIVE_ZERO = _ZERO.replace(tzinfo=None)
_DAY, _TO_THE_HOUR, _BEHIND_IT = len("2024-01-01"), len("2024-01-01 00"), len(":00:00")
_TO_THE_SECOND = f"{_TO_THE_HOUR}s{_BEHIND_IT}s"
_ANY_DAY, _MIDNIGHT = b"2000-01-01", b" 00"
_UP_TO_LAST_SECOND = 86_399_000_000


class UnlikeError(ValueError):
    """A value of another family."""


class InstantForms:
    """
    Gives the forms of a column.

    Args:
        zone: The zone of dates that name none.
    """

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._days = Remembered(self._day)
        self._hours = Remembered(self._hour)

    def __call__(self, values: Sequence[RawValue]) -> list[int]:
        """Count microseconds, as `_instant` does, of many values at once."""
        texts = cast("Sequence[bytes]", values)
        if set(map(len, texts)) == {_TO_THE_HOUR + _BEHIND_IT}:
            cut = struct.unpack(_TO_THE_SECOND * len(texts), b"".join(texts))
            try:
                hours = map(self._hours.__getitem__, cut[::2])
                return list(map(add, hours, map(_of_hour.__getitem__, cut[1::2])))
            except ValueError:  # written otherwise, or the clocks were changed
                pass
        return self._of_any_form(texts)

    def _of_any_form(self, values: Sequence[bytes]) -> list[int]:
        try:
            read = [
                datetime.fromisoformat(text) for text in b"\n".join(values).decode().split("\n")
            ]
        except ValueError:
            return [_instant(value, self._zone) for value in values]
        if str(self._zone) == "UTC" and not any(moment.tzinfo for moment in read):
            since = [moment - _NAIVE_ZERO for moment in read]
        else:
            placed = [m if m.tzinfo else m.replace(tzinfo=self._zone) for m in read]
            since = [moment - _ZERO for moment in placed]
        # Quicker by far than one division by a microsecond.
        return [((s.days * 86_400) + s.seconds) * 1_000_000 + s.microseconds for s in since]

    def _hour(self, text: bytes) -> int:
        return self._days[text[:_DAY]] + _of_day[text[_DAY:]]

    def _day(self, text: bytes) -> int:
        """Read when a day begins, if its clocks are not changed."""
        first, last = (_instant(text + end, self._zone) for end in (b" 00:00", b" 23:59:59"))
        if last - first != _UP_TO_LAST_SECOND:
            raise UnlikeError
        return first


def _instant(value: bytes, zone: tzinfo) -> int:
    parsed = parse_date(value.decode())
    if parsed is None:
        raise UnlikeError
    return microseconds(parsed, zone) - TIME_ZERO


# Of all columns and zones: a few thousand of them are all there are.
_of_day = Remembered(lambda text: _instant(_ANY_DAY + text + b":00", UTC))
_of_hour = Remembered(lambda text: _instant(_ANY_DAY + _MIDNIGHT + text, UTC))
