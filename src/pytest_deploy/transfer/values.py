"""Writes raw SQLite values, a batch at a time, as rows of Postgres' binary COPY format."""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, TypeAlias, cast
from uuid import UUID

from pytest_deploy.schema.instants import microseconds_of
from pytest_deploy.schema.kinds import Kind, exact_decimal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import tzinfo

    from pytest_deploy.schema.instants import Unit
    from pytest_deploy.schema.kinds import RawValue

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = struct.pack(">h", -1)

Form: TypeAlias = "Callable[[Sequence[RawValue]], Fixed | Whole | list[bytes]]"

_NULL = struct.pack(">i", -1)
_LENGTH = struct.Struct(">i")
_DAY_ZERO = date(2000, 1, 1).toordinal()
_TIME_ZERO = datetime(2000, 1, 1)  # noqa: DTZ001 - compared with dates made free of their zone
_DAY_S, _HOUR_S, _SECOND = 86_400, 3_600, 1_000_000
_HOUR = len("2024-01-01 00")
_MINUTES_SECONDS = re.compile(rb":([0-5]\d):([0-5]\d)", re.ASCII)
_FROM_1970_TO_2000 = 946_684_800 * _SECOND
_NEGATIVE, _INFINITY, _NEGATIVE_INFINITY = 0x4000, 0xD000, 0xF000


@dataclass(frozen=True)
class Fixed:
    """
    A column without NULL whose values all take the same room.

    Args:
        code: The letter of `struct` for a value.
        size: The bytes a value takes.
        values: The values.
    """

    code: str
    size: int
    values: Iterable[object]


@dataclass(frozen=True)
class Whole:
    """
    A column without NULL whose values go over as they are.

    Args:
        values: The values.
    """

    values: Sequence[bytes]


class UnfitValueError(ValueError):
    """A value that the plan should have kept back; it is not shown."""


class RowWriter:
    """
    Writes rows of one table.

    Args:
        kinds: The families of its columns' types, in their order.
        zone: The zone of dates that name none.

    Source: https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4
    """

    def __init__(self, kinds: Sequence[Kind], zone: tzinfo) -> None:
        self._forms = [_form(kind, zone) for kind in kinds]

    def rows(self, columns: Sequence[Sequence[RawValue]]) -> bytes:
        """
        Write a batch.

        Args:
            columns: Its values by column; texts are bytes.

        Returns:
            What COPY reads, without header and trailer.

        Raises:
            UnfitValueError: A value is not of its column's family.
        """
        parts: list[Iterable[bytes]] = []
        # Neighbours that take a fixed room are packed by one call for each row.
        codes, packed = ">h", [cast("Iterable[object]", repeat(len(columns)))]
        for form, values in zip(self._forms, columns, strict=True):
            made = form(values)
            if isinstance(made, Fixed):
                codes += "i" + made.code
                packed += [repeat(made.size), made.values]
                continue
            if isinstance(made, Whole):
                codes += "i"
                packed.append(map(len, made.values))
            if packed:
                parts.append(map(struct.Struct(codes).pack, *packed))
            parts.append(made.values if isinstance(made, Whole) else made)
            codes, packed = ">", []
        if packed:
            parts.append(map(struct.Struct(codes).pack, *packed))
        # `repeat` has no end: the shortest of them says how many rows there are.
        return b"".join(chain.from_iterable(zip(*parts, strict=False)))


def _form(kind: Kind, zone: tzinfo) -> Form:
    if kind is Kind.TIMESTAMPTZ:
        return _Moments(zone).column
    if kind.unit is not None:
        given = int if kind.unit.whole else (int, float)
        return partial(_fixed, code="q", size=8, given=given, value=_counted(kind.unit))
    if kind is Kind.DATE:
        return partial(_fixed, code="i", size=4, given=bytes, value=_day)
    forms: dict[Kind, Form] = {
        Kind.BIGINT: partial(_fixed, code="q", size=8, given=int),
        Kind.BOOLEAN: partial(_fixed, code="?", size=1, given=int),
        Kind.DOUBLE: partial(_fixed, code="d", size=8, given=(int, float)),
        Kind.NUMERIC: partial(_cells, cell=_numeric),
        Kind.TEXT: partial(_whole, cell=_text),
        Kind.BYTEA: partial(_whole, cell=_blob),
        Kind.JSON: partial(_whole, cell=_blob),
        Kind.UUID: partial(_cells, cell=_uuid),
    }
    return forms[kind]


def _fixed(
    values: Sequence[RawValue],
    *,
    code: str,
    size: int,
    given: type | tuple[type, ...],
    value: Callable[[Any], int] | None = None,
) -> Fixed | list[bytes]:
    types = set(map(type, values))
    wanted = given if isinstance(given, tuple) else (given,)
    if not types.issubset((*wanted, type(None))):
        raise UnfitValueError
    if type(None) not in types:
        made = values if value is None else map(value, values)
        return Fixed(code, size, made)
    pack = struct.Struct(">i" + code).pack
    if value is None:
        return [_NULL if v is None else pack(size, v) for v in values]
    return [_NULL if v is None else pack(size, value(v)) for v in values]


def _whole(values: Sequence[RawValue], *, cell: Callable[[RawValue], bytes]) -> Whole | list[bytes]:
    if set(map(type, values)) == {bytes}:
        return Whole(cast("Sequence[bytes]", values))
    return _cells(values, cell=cell)


def _cells(values: Sequence[RawValue], *, cell: Callable[[RawValue], bytes]) -> list[bytes]:
    return [_NULL if v is None else _sized(cell(v)) for v in values]


def _sized(cell: bytes) -> bytes:
    return _LENGTH.pack(len(cell)) + cell


def _text(value: RawValue) -> bytes:
    # repr() of a float is the shortest text that reads back as the same float.
    return value if isinstance(value, bytes) else repr(value).encode()


def _blob(value: RawValue) -> bytes:
    if not isinstance(value, bytes):
        raise UnfitValueError
    return value


def _uuid(value: RawValue) -> bytes:
    if not isinstance(value, bytes):
        raise UnfitValueError
    return UUID(value.decode()).bytes


def _counted(unit: Unit) -> Callable[[Any], int]:
    return lambda number: microseconds_of(number, unit) - _FROM_1970_TO_2000


def _day(value: bytes) -> int:
    return date.fromisoformat(value.decode()).toordinal() - _DAY_ZERO


class _Moments:
    """
    Reads instants: most of a column by looking up what was read before.

    An hour is read once and so is what stands behind it, as long as it is written `:MM:SS`. An hour
    in which the zone changes its offset is never kept.
    """

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._hours = _Read(self._hour)
        self._rests = _Read(_rest)

    def column(self, values: Sequence[RawValue]) -> Fixed | list[bytes]:
        """Read a column."""
        hours, rests, texts = self._hours, self._rests, cast("Sequence[bytes]", values)
        try:
            read = [hours[text[:_HOUR]] + rests[text[_HOUR:]] for text in texts]
        except (KeyError, TypeError):  # another form, NULL, or another family
            return _fixed(values, code="q", size=8, given=bytes, value=self.moment)
        return Fixed("q", 8, read)

    def moment(self, value: bytes) -> int:
        """Read one instant, as microseconds from 2000 on."""
        read = datetime.fromisoformat(value.decode())
        offset = read.utcoffset() or (None if read.tzinfo else self._zone.utcoffset(read))
        since = read.replace(tzinfo=None) - _TIME_ZERO
        if offset:
            since -= offset
        return (since.days * _DAY_S + since.seconds) * _SECOND + since.microseconds

    def _hour(self, text: bytes) -> int:
        try:
            first, last = self.moment(text + b":00:00"), self.moment(text + b":59:59")
        except ValueError:
            raise KeyError from None
        if last - first != (_HOUR_S - 1) * _SECOND:
            raise KeyError
        return first


class _Read(dict[bytes, int]):
    """What was read before, by its text."""

    def __init__(self, read: Callable[[bytes], int]) -> None:
        self._read = read

    def __missing__(self, text: bytes) -> int:
        self[text] = made = self._read(text)
        return made


def _rest(text: bytes) -> int:
    """Read minutes and seconds; a fraction or a zone has its own way."""
    found = _MINUTES_SECONDS.fullmatch(text)
    if found is None:
        raise KeyError
    minutes, seconds = map(int, found.groups())
    return (minutes * 60 + seconds) * _SECOND


def _numeric(value: RawValue) -> bytes:
    """Write groups of four decimal digits: how many, the first one's weight, sign and scale."""
    if not isinstance(value, int | float):
        raise UnfitValueError
    if isinstance(value, float) and math.isinf(value):
        return struct.pack(">hhHh", 0, 0, _INFINITY if value > 0 else _NEGATIVE_INFINITY, 0)
    whole, _, fraction = f"{abs(exact_decimal(value)):f}".partition(".")
    padded = whole.zfill(-(-len(whole) // 4) * 4)
    weight = len(padded) // 4 - 1
    padded += fraction.ljust(-(-len(fraction) // 4) * 4, "0")
    groups = [int(padded[n : n + 4]) for n in range(0, len(padded), 4)]
    while groups and not groups[0]:
        del groups[0]
        weight -= 1
    while groups and not groups[-1]:
        del groups[-1]
    sign = _NEGATIVE if value < 0 and groups else 0
    head = (len(groups), weight if groups else 0, sign, len(fraction))
    return struct.pack(f">hhHH{len(groups)}h", *head, *groups)
