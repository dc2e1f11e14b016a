"""
The canonical form of a value: the same bytes on both sides exactly when nothing was lost.

The source's form is made from the raw SQLite value, never by way of the converter; the target's is
an SQL expression. Equality of the two is what "equal" means for each family of types. A form takes
the same room for every value of its family, or has the value's length before it; a long value
stands for itself by its SHA-256.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from itertools import repeat
from operator import add
from typing import TYPE_CHECKING, TypeAlias, cast

from pytest_deploy.schema.dates import day_of, parse_date
from pytest_deploy.schema.kinds import INSTANTS, Kind, exact_decimal
from pytest_deploy.transfer.canonical_instants import TIME_ZERO, InstantForms, UnlikeError
from pytest_deploy.transfer.canonical_sql import LONG_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import tzinfo

    from pytest_deploy.schema.instants import Unit
    from pytest_deploy.schema.kinds import RawValue

Values: TypeAlias = "Sequence[RawValue]"

_LENGTH_BYTES = 4
_NULL_LENGTH = struct.pack(">i", -1)
_BYTEA = 17  # the number of its type in Postgres
_FIELD = struct.Struct(">ii")
_UNLIKE = b"?"  # the form of what is of another family: of no length that Postgres gives
_DAY_ZERO = date(2000, 1, 1).toordinal()
_OF_ANOTHER_FAMILY = (struct.error, TypeError, AttributeError, ValueError, OverflowError)


@dataclass(frozen=True)
class Canonical:
    """
    The forms of raw values of one column, whose texts are bytes.

    Args:
        code: The letter of `struct` for a value; None where its length differs.
        made: What `struct` packs, or the bytes that stand for a value, of values without NULL.
    """

    code: str | None
    made: Callable[[Values], Iterable[object]]

    def parts(self, values: Values, *, required: bool) -> list[bytes]:
        """
        String the forms of a column together.

        Args:
            values: Some of its values.
            required: Whether NULL cannot be in it.

        Returns:
            As `part_sql` says.
        """
        if self.code is None:
            return self._as_they_stand(values) or self._lengths_and_values(values)
        try:
            flags, packed = b"\1" * len(values), self._packed(values)
        except _OF_ANOTHER_FAMILY:
            flags = bytes([value is not None for value in values])
            packed = self._packed_or_not(_without_null(values))
        return [packed] if required else [flags, packed]

    def cells(self, values: Values) -> list[bytes | None]:
        """
        Give the form of each value.

        Args:
            values: Some values.

        Returns:
            As `cell_sql` says; None for NULL.
        """
        return [None if value is None else self._cell(value) for value in values]

    def fields(self, values: Values) -> list[bytes]:
        """
        Give the form of each value as a field of a row.

        Args:
            values: Some values.

        Returns:
            As `record_send` writes it in Postgres: the type, the length and the form.
        """
        there = _without_null(values)
        try:
            made = self._fields(there)
        except _OF_ANOTHER_FAMILY:
            cells = cast("list[bytes]", self.cells(there))
            made = [_FIELD.pack(_BYTEA, len(cell)) + cell for cell in cells]
        if there is values:
            return made
        null, following = _FIELD.pack(_BYTEA, -1), iter(made)
        return [null if value is None else next(following) for value in values]

    def _fields(self, values: Values) -> list[bytes]:
        if self.code is not None:
            pack, size = struct.Struct(f">ii{self.code}").pack, struct.calcsize(f">{self.code}")
            return list(map(pack, repeat(_BYTEA), repeat(size), self.made(values)))
        made = cast("list[bytes]", self.made(values))
        lengths = list(map(len, made))
        if max(lengths, default=0) > LONG_BYTES:
            made = [_shortened(one) for one in made]
        sizes = [_LENGTH_BYTES + len(one) for one in made]
        heads = map(struct.Struct(">iii").pack, repeat(_BYTEA), sizes, lengths)
        return list(map(add, heads, made))

    def _cell(self, value: RawValue) -> bytes:
        try:
            if self.code is not None:
                return self._packed([value])
            (made,) = self.made([value])
        except _OF_ANOTHER_FAMILY:
            return _UNLIKE
        return struct.pack(">i", len(cast("bytes", made))) + _shortened(cast("bytes", made))

    def _packed(self, values: Values) -> bytes:
        return struct.pack(f">{len(values)}{self.code}", *self.made(values))

    def _packed_or_not(self, values: Values) -> bytes:
        try:
            return self._packed(values)
        except _OF_ANOTHER_FAMILY:
            return b"".join(map(self._cell, values))

    def _as_they_stand(self, values: Values) -> list[bytes] | None:
        """String values together that are all bytes, and not long; None where some are not."""
        if self.made not in (_texts, _blobs):
            return None
        whole = cast("Sequence[bytes]", values)
        try:
            lengths, strung = list(map(len, whole)), b"".join(whole)
        except TypeError:
            return None
        if max(lengths, default=0) > LONG_BYTES:
            return None
        return [struct.pack(f">{len(lengths)}i", *lengths), strung]

    def _lengths_and_values(self, values: Values) -> list[bytes]:
        there = _without_null(values)
        try:
            made = cast("list[bytes]", self.made(there))
            following = iter(list(map(len, made)))
        except _OF_ANOTHER_FAMILY:
            cells = self.cells(values)
            lengths_of = b"".join(_NULL_LENGTH if c is None else c[:4] for c in cells)
            return [lengths_of, b"".join(c[4:] for c in cells if c is not None)]
        lengths = [-1 if value is None else next(following) for value in values]
        return [struct.pack(f">{len(lengths)}i", *lengths), b"".join(map(_shortened, made))]


def canonical(kind: Kind, zone: tzinfo) -> Canonical:
    """
    Give the canonical form of raw values.

    Args:
        kind: The family of their column's type in Postgres.
        zone: The zone of dates that name none.

    Returns:
        The form.
    """
    forms = {
        Kind.BIGINT: Canonical("q", _as_they_are),
        Kind.DOUBLE: Canonical("d", _as_they_are),
        Kind.BOOLEAN: Canonical("B", _as_they_are),
        Kind.DATE: Canonical("i", _days),
        Kind.TIMESTAMPTZ: Canonical("q", InstantForms(zone)),
        Kind.NUMERIC: Canonical(None, _decimals),
        Kind.TEXT: Canonical(None, _texts),
        Kind.BYTEA: Canonical(None, _blobs),
        Kind.UUID: Canonical(None, _texts),
        Kind.JSON: Canonical(None, _texts),
        **{k: Canonical("q", partial(_counted, unit=k.unit)) for k in INSTANTS if k.unit},
    }
    return forms[kind]


def _without_null(values: Values) -> Values:
    some = type(None) in set(map(type, values))
    return [value for value in values if value is not None] if some else values


def _as_they_are(values: Values) -> Values:
    return values


def _shortened(made: bytes) -> bytes:
    return hashlib.sha256(made).digest() if len(made) > LONG_BYTES else made


def _texts(values: Values) -> Values:
    """Give texts; a number's is the shortest that reads back as the same number."""
    if set(map(type, values)) <= {bytes}:
        return values
    return [value if isinstance(value, bytes) else _number(value) for value in values]


def _number(value: RawValue) -> bytes:
    if not isinstance(value, int | float):
        raise UnlikeError
    return repr(value).encode()


def _blobs(values: Values) -> Values:
    if set(map(type, values)) <= {bytes}:
        return values
    raise UnlikeError


def _decimals(values: Values) -> list[bytes]:
    return [_decimal(value) for value in values]


def _decimal(value: RawValue) -> bytes:
    if not isinstance(value, int | float):
        raise UnlikeError
    decimal = exact_decimal(value)
    if not decimal.is_finite():
        return b"Infinity" if decimal > 0 else b"-Infinity"
    plain = f"{decimal:f}"
    trimmed = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return b"0" if trimmed == "-0" else trimmed.encode()


def _days(values: Values) -> list[int]:
    return [_day(cast("bytes", value)) for value in values]


def _day(value: bytes) -> int:
    parsed = parse_date(value.decode())
    if parsed is None:
        raise UnlikeError
    return day_of(parsed).toordinal() - _DAY_ZERO


def _counted(values: Values, unit: Unit) -> list[int]:
    """Count what numbers count from their zero on, exactly."""
    zero, length = unit.zero - TIME_ZERO, unit.length
    return [
        zero + int((Decimal(cast("float", value)) * length).to_integral_value()) for value in values
    ]
