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
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, TypeAlias, cast

from pytest_deploy.schema.dates import day_of, microseconds, parse_date
from pytest_deploy.schema.kinds import INSTANTS, Kind, exact_decimal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import tzinfo

    from pytest_deploy.schema.instants import Unit
    from pytest_deploy.schema.kinds import RawValue

Values: TypeAlias = "Sequence[RawValue]"

_LONG_BYTES = 1_024
_NULL_LENGTH = struct.pack(">i", -1)
_UNLIKE = b"?"  # the form of what is of another family: of no length that Postgres gives
_SHORT = frozenset({Kind.NUMERIC, Kind.UUID})
_TIME_ZERO = 946_684_800_000_000  # 2000-01-01, from where Postgres counts microseconds
_ZERO = datetime(2000, 1, 1, tzinfo=UTC)
_NAIVE_ZERO = _ZERO.replace(tzinfo=None)
_DAY_ZERO = date(2000, 1, 1).toordinal()
_FIXED_SQL = {
    Kind.BIGINT: "int8send({c})",
    Kind.DOUBLE: "float8send({c})",
    Kind.BOOLEAN: "boolsend({c})",
    Kind.DATE: "date_send({c})",
    Kind.TIMESTAMPTZ: "timestamptz_send({c})",
    **dict.fromkeys(INSTANTS, "timestamptz_send({c})"),
}
_TEXT_SQL = {
    Kind.NUMERIC: "trim_scale({c})::text",
    Kind.TEXT: "{c}",
    Kind.UUID: "{c}::text",
    Kind.JSON: "{c}::text",
}


class _UnlikeError(ValueError):
    """A value of another family."""


_OF_ANOTHER_FAMILY = (struct.error, TypeError, AttributeError, ValueError, OverflowError)


def part_sql(kind: Kind, column: str, *, required: bool) -> list[str]:
    """
    Give the forms of a column in Postgres, to be strung together over many rows.

    Args:
        kind: The family of its type.
        column: SQL for the column.
        required: Whether NULL cannot be in it.

    Returns:
        SQL expressions of type bytea, which `Canonical.parts` strings together in this order.
    """
    if kind in _FIXED_SQL:
        value = _FIXED_SQL[kind].format(c=column)
        return [value] if required else [f"boolsend({column} IS NOT NULL)", value]
    written = _TEXT_SQL[kind].format(c=column) if kind in _TEXT_SQL else column
    # Our sessions are in UTF-8: see `Server.conninfo`.
    whole = f"textsend({written})" if kind in _TEXT_SQL else written
    length = f"octet_length({written})"
    shortened = f"CASE WHEN {length} > {_LONG_BYTES} THEN sha256({whole}) ELSE {whole} END"
    return [f"int4send(coalesce({length}, -1))", whole if kind in _SHORT else shortened]


def cell_sql(kind: Kind, column: str) -> str:
    """
    Give the form of one value in Postgres.

    Args:
        kind: The family of its type.
        column: SQL for the value.

    Returns:
        An SQL expression of type bytea, as `Canonical.cells` gives it; NULL for NULL.
    """
    if kind in _FIXED_SQL:
        return _FIXED_SQL[kind].format(c=column)
    return " || ".join(part_sql(kind, column, required=True))


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
            return self._lengths_and_values(values)
        try:
            flags, packed = b"\1" * len(values), self._packed(values)
        except _OF_ANOTHER_FAMILY:
            flags = bytes(value is not None for value in values)
            packed = b"".join(cell for cell in self.cells(values) if cell is not None)
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

    def _lengths_and_values(self, values: Values) -> list[bytes]:
        try:
            made = cast("list[bytes]", self.made(values))
            lengths = list(map(len, made))
        except _OF_ANOTHER_FAMILY:
            cells = self.cells(values)
            lengths_of = b"".join(_NULL_LENGTH if c is None else c[:4] for c in cells)
            return [lengths_of, b"".join(c[4:] for c in cells if c is not None)]
        if lengths and max(lengths) > _LONG_BYTES:
            made = [_shortened(one) for one in made]
        return [struct.pack(f">{len(lengths)}i", *lengths), b"".join(made)]


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
        Kind.TIMESTAMPTZ: Canonical("q", partial(_instants, zone=zone)),
        Kind.NUMERIC: Canonical(None, _decimals),
        Kind.TEXT: Canonical(None, _texts),
        Kind.BYTEA: Canonical(None, _blobs),
        Kind.UUID: Canonical(None, _texts),
        Kind.JSON: Canonical(None, _texts),
        **{k: Canonical("q", partial(_counted, unit=k.unit)) for k in INSTANTS if k.unit},
    }
    return forms[kind]


def _as_they_are(values: Values) -> Values:
    return values


def _shortened(made: bytes) -> bytes:
    return hashlib.sha256(made).digest() if len(made) > _LONG_BYTES else made


def _texts(values: Values) -> Values:
    """Give texts; a number's is the shortest that reads back as the same number."""
    if set(map(type, values)) == {bytes}:
        return values
    return [value if isinstance(value, bytes) else repr(value).encode() for value in _given(values)]


def _blobs(values: Values) -> Values:
    if set(map(type, values)) <= {bytes}:
        return values
    raise _UnlikeError


def _decimals(values: Values) -> list[bytes]:
    return [_decimal(value) for value in _given(values)]


def _given(values: Values) -> Values:
    """Refuse NULL, for which there is a form of its own."""
    if None in values:
        raise _UnlikeError
    return values


def _decimal(value: RawValue) -> bytes:
    if not isinstance(value, int | float):
        raise _UnlikeError
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
        raise _UnlikeError
    return day_of(parsed).toordinal() - _DAY_ZERO


def _counted(values: Values, unit: Unit) -> list[int]:
    """Count what numbers count from their zero on, exactly."""
    zero, length = unit.zero - _TIME_ZERO, unit.length
    return [
        zero + int((Decimal(cast("float", value)) * length).to_integral_value()) for value in values
    ]


def _instants(values: Values, zone: tzinfo) -> list[int]:
    """Do for a column what `_instant` does for a value, without a look at how it is written."""
    texts = b"\n".join(cast("Sequence[bytes]", values)).decode()
    try:
        read = [datetime.fromisoformat(text) for text in texts.split("\n")]
    except ValueError:
        return [_instant(cast("bytes", value), zone) for value in values]
    if str(zone) == "UTC" and not any(moment.tzinfo for moment in read):
        since = [moment - _NAIVE_ZERO for moment in read]
    else:
        placed = [moment if moment.tzinfo else moment.replace(tzinfo=zone) for moment in read]
        since = [moment - _ZERO for moment in placed]
    # Quicker by far than one division by a microsecond.
    return [((s.days * 86_400) + s.seconds) * 1_000_000 + s.microseconds for s in since]


def _instant(value: bytes, zone: tzinfo) -> int:
    """Count microseconds as Postgres does."""
    parsed = parse_date(value.decode())
    if parsed is None:
        raise _UnlikeError
    return microseconds(parsed, zone) - _TIME_ZERO
