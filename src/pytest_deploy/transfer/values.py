"""Writes raw SQLite values, a batch at a time, as rows of Postgres' binary COPY format."""

from __future__ import annotations

import math
import struct
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

from pytest_deploy.schema.instants import microseconds_of
from pytest_deploy.schema.kinds import Kind, exact_decimal
from pytest_deploy.transfer.moments import Moments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import tzinfo

    from pytest_deploy.schema.instants import Unit
    from pytest_deploy.schema.kinds import RawValue

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = struct.pack(">h", -1)

Form: TypeAlias = "Callable[[Sequence[RawValue]], Fixed | Sized | list[bytes]]"

_LENGTH = struct.Struct(">i")
_NULL_LENGTH = -1
_NULL = _LENGTH.pack(_NULL_LENGTH)
_UUID_BYTES = 16
_DAY_ZERO = date(2000, 1, 1).toordinal()
_FROM_1970_TO_2000 = 946_684_800_000_000
_NEGATIVE, _INFINITY, _NEGATIVE_INFINITY = 0x4000, 0xD000, 0xF000


class Fixed(NamedTuple):
    """
    A column without NULL whose values all take the same room.

    Args:
        size: The bytes a value takes.
        packed: The values, one behind the other.
    """

    size: int
    packed: bytes


class Sized(NamedTuple):
    """
    A column whose values have lengths of their own.

    Args:
        lengths: -1 for NULL.
        values: Empty for NULL.
    """

    lengths: Iterable[int]
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
        self._head = struct.pack(">h", len(kinds))

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
        count = len(columns[0])
        parts: list[Sequence[bytes]] = []
        run = _Run(self._head)
        for form, values in zip(self._forms, columns, strict=True):
            made = form(values)
            if isinstance(made, Fixed):
                run.add(made.size, made.packed, head=_LENGTH.pack(made.size))
                continue
            if isinstance(made, Sized):
                run.add(_LENGTH.size, struct.pack(f">{count}i", *made.lengths))
            if run.template:
                parts.append(run.cut(count))
            parts.append(made.values if isinstance(made, Sized) else made)
            run = _Run()
        if not parts:
            return bytes(run.laid_out(count))
        if run.template:
            parts.append(run.cut(count))
        return _woven(parts, count)


class _Run:
    """
    Neighbours that take a fixed room, for all rows of a batch at once.

    Args:
        template: What all rows have in common, with room for what they have not.
    """

    def __init__(self, template: bytes = b"") -> None:
        self.template = template
        self._fields: list[tuple[int, int, bytes]] = []

    def add(self, size: int, packed: bytes, *, head: bytes = b"") -> None:
        """Add a column."""
        self._fields.append((len(self.template) + len(head), size, packed))
        self.template += head + bytes(size)

    def laid_out(self, count: int) -> bytearray:
        """Lay out all rows, each byte of a column in one step."""
        rows, width = bytearray(self.template * count), len(self.template)
        for place, size, packed in self._fields:
            for n in range(size):
                rows[place + n :: width] = packed[n::size]
        return rows

    def cut(self, count: int) -> tuple[bytes, ...]:
        """Lay out all rows, and cut them."""
        return struct.unpack(f"{len(self.template)}s" * count, self.laid_out(count))


def _woven(parts: list[Sequence[bytes]], count: int) -> bytes:
    woven = [b""] * (count * len(parts))
    for number, part in enumerate(parts):
        woven[number :: len(parts)] = part
    try:
        return b"".join(woven)
    except TypeError:  # a text that is not bytes
        raise UnfitValueError from None


def _form(kind: Kind, zone: tzinfo) -> Form:
    if kind is Kind.TIMESTAMPTZ:
        return partial(_instants, moments=Moments(zone))
    if kind.unit is not None:
        given = (int,) if kind.unit.whole else (int, float)
        return partial(_fixed, code="q", given=given, value=_counted(kind.unit))
    forms: dict[Kind, Form] = {
        Kind.BIGINT: partial(_fixed, code="q", given=(int,)),
        Kind.BOOLEAN: partial(_fixed, code="B", given=(int,)),
        Kind.DOUBLE: partial(_fixed, code="d", given=(int, float)),
        Kind.DATE: partial(_fixed, code="i", given=(bytes,), value=_day),
        Kind.NUMERIC: partial(_cells, cell=_numeric),
        Kind.TEXT: partial(_whole, cell=_text),
        Kind.BYTEA: partial(_whole, cell=_refused),
        Kind.JSON: partial(_whole, cell=_refused),
        Kind.UUID: partial(_cells, cell=_uuid),
    }
    return forms[kind]


def _fixed(
    values: Sequence[RawValue],
    *,
    code: str,
    given: tuple[type, ...],
    value: Callable[[Any], int] | None = None,
) -> Fixed | list[bytes]:
    size = struct.calcsize(f">{code}")
    try:
        if value is None:
            return Fixed(size, struct.pack(f">{len(values)}{code}", *values))
    except struct.error:  # NULL, or another family
        pass
    types = set(map(type, values))
    if not types.issubset((*given, type(None))):
        raise UnfitValueError
    made = values if value is None else [None if v is None else value(v) for v in values]
    pack = struct.Struct(f">i{code}").pack
    try:
        if type(None) not in types:
            return Fixed(size, struct.pack(f">{len(values)}{code}", *made))
        return [_NULL if v is None else pack(size, v) for v in made]
    except struct.error:
        raise UnfitValueError from None


def _instants(values: Sequence[RawValue], *, moments: Moments) -> Fixed | list[bytes]:
    there = values if None not in values else [v for v in values if v is not None]
    read = moments.column(there)
    if read is None:
        return _fixed(values, code="q", given=(bytes,), value=moments.moment)
    if there is values:
        return Fixed(8, struct.pack(f">{len(read)}q", *read))
    following, pack = iter(read), struct.Struct(">iq").pack
    return [_NULL if v is None else pack(8, next(following)) for v in values]


def _whole(values: Sequence[RawValue], *, cell: Callable[[RawValue], bytes]) -> Sized | list[bytes]:
    """Send values as they are, and those that are not bytes as `cell` makes them."""
    whole = cast("Sequence[bytes]", values)
    try:
        return Sized(list(map(len, whole)), whole)
    except TypeError:  # NULL, or a number
        return _cells(values, cell=lambda v: v if type(v) is bytes else cell(v))


def _cells(values: Sequence[RawValue], *, cell: Callable[[RawValue], bytes]) -> Sized:
    made = [b"" if v is None else cell(v) for v in values]
    lengths = [_NULL_LENGTH if v is None else len(m) for v, m in zip(values, made, strict=True)]
    return Sized(lengths, made)


def _text(value: RawValue) -> bytes:
    # repr() of a float is the shortest text that reads back as the same float.
    return repr(value).encode() if isinstance(value, int | float) else _refused(value)


def _refused(_: RawValue) -> bytes:
    raise UnfitValueError


def _uuid(value: RawValue) -> bytes:
    if not isinstance(value, bytes):
        raise UnfitValueError
    try:
        made = bytes.fromhex(value.replace(b"-", b"").decode())
    except ValueError:
        raise UnfitValueError from None
    if len(made) != _UUID_BYTES:
        raise UnfitValueError
    return made


def _counted(unit: Unit) -> Callable[[Any], int]:
    return lambda number: microseconds_of(number, unit) - _FROM_1970_TO_2000


def _day(value: bytes) -> int:
    return date.fromisoformat(value.decode()).toordinal() - _DAY_ZERO


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
