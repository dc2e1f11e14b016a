"""
The canonical form of a value: the same bytes on both sides exactly when nothing was lost.

The source's form is made from the raw SQLite value, never by way of the converter; the target's is
an SQL expression. Equality of the two is what "equal" means for each family of types. Only a
text's form can be empty or hold a `|`: a row joins the others with `|`, and sets a text's length
before it.
"""

from __future__ import annotations

import hashlib
import struct
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, cast

from pytest_deploy.schema.dates import ParsedDate, day_of, microseconds, parse_date
from pytest_deploy.schema.kinds import Kind, exact_decimal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import tzinfo

    from pytest_deploy.schema.kinds import RawValue

    Form = Callable[[RawValue], bytes]
    Canonical = Callable[[Sequence[RawValue]], list[bytes | None]]

_HASHED_BYTES = 64
_SQL = {
    Kind.BIGINT: "{c}",
    Kind.DOUBLE: "encode(float8send({c}), 'hex')",
    Kind.NUMERIC: "trim_scale({c})",
    Kind.TEXT: "{c}",
    Kind.BYTEA: (
        "octet_length({c}) || ':' || CASE WHEN octet_length({c}) > " + str(_HASHED_BYTES) + ""
        " THEN encode(sha256({c}), 'hex') ELSE encode({c}, 'hex') END"
    ),
    Kind.BOOLEAN: "{c}::int",
    Kind.DATE: "to_char({c}, 'YYYY-MM-DD')",
    Kind.TIMESTAMPTZ: "encode(timestamptz_send({c}), 'hex')",
}
_TIME_ZERO = 946_684_800_000_000  # 2000-01-01, from where Postgres counts microseconds
_ZERO = datetime(2000, 1, 1, tzinfo=UTC)
_NAIVE_ZERO = _ZERO.replace(tzinfo=None)


def canonical_sql(kind: Kind, column: str) -> str:
    """
    Give the canonical form of a column in Postgres.

    Args:
        kind: The family of its type.
        column: SQL for the column.

    Returns:
        An SQL expression whose text is the form; NULL for NULL.
    """
    return _SQL[kind].format(c=column)


def canonical(kind: Kind, zone: tzinfo) -> Canonical:
    """
    Give the canonical form of raw values.

    Args:
        kind: The family of their column's type in Postgres.
        zone: The zone of dates that name none.

    Returns:
        A function over a batch of values, whose texts are bytes; None for NULL.
    """
    each = partial(_each, form=_forms(zone)[kind])
    if kind in (Kind.BIGINT, Kind.BOOLEAN):
        return partial(_integers, otherwise=each)
    if kind is Kind.DOUBLE:
        return partial(_together, code="d", given={float}, column=None, otherwise=each)
    if kind is Kind.TIMESTAMPTZ:
        instants = partial(_instants, zone=UTC if str(zone) == "UTC" else zone)
        return partial(_together, code="q", given={bytes}, column=instants, otherwise=each)
    if kind is Kind.TEXT:
        return partial(_as_it_is, otherwise=each)
    return each


def _integers(values: Sequence[RawValue], *, otherwise: Canonical) -> list[bytes | None]:
    if set(map(type, values)) != {int}:
        return otherwise(values)
    return list(map(b"%d".__mod__, values))


def _as_it_is(values: Sequence[RawValue], *, otherwise: Canonical) -> list[bytes | None]:
    if set(map(type, values)) == {bytes}:
        return cast("list[bytes | None]", values)
    return otherwise(values)


def _together(
    values: Sequence[RawValue],
    *,
    code: str,
    given: set[type],
    column: Callable[[Sequence[bytes]], Iterable[int]] | None,
    otherwise: Canonical,
) -> list[bytes | None]:
    """Write a whole column by one call, where no value is NULL."""
    if set(map(type, values)) != given:
        return otherwise(values)
    made = values if column is None else column(cast("Sequence[bytes]", values))
    packed = struct.pack(f">{len(values)}{code}", *made)
    return cast("list[bytes | None]", packed.hex(" ", 8).encode().split(b" "))


def _each(values: Sequence[RawValue], form: Form) -> list[bytes | None]:
    return [None if value is None else form(value) for value in values]


def _forms(zone: tzinfo) -> dict[Kind, Form]:
    return {
        Kind.BIGINT: _text,
        Kind.DOUBLE: _double,
        Kind.NUMERIC: _numeric,
        Kind.TEXT: _text,
        Kind.BYTEA: _digest,
        Kind.BOOLEAN: _text,
        Kind.DATE: _day,
        Kind.TIMESTAMPTZ: partial(_moment, zone=zone),
    }


def _double(value: RawValue) -> bytes:
    return struct.pack(">d", value).hex().encode()


def _numeric(value: RawValue) -> bytes:
    decimal = exact_decimal(value)  # type: ignore[arg-type]
    if not decimal.is_finite():
        return b"Infinity" if decimal > 0 else b"-Infinity"
    plain = f"{decimal:f}"
    trimmed = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return b"0" if trimmed == "-0" else trimmed.encode()


def _text(value: RawValue) -> bytes:
    return value if isinstance(value, bytes) else repr(value).encode()


def _digest(value: RawValue) -> bytes:
    if not isinstance(value, bytes):
        return b"not a blob"
    shown = hashlib.sha256(value).hexdigest() if len(value) > _HASHED_BYTES else value.hex()
    return f"{len(value)}:{shown}".encode()


def _day(value: RawValue) -> bytes:
    parsed = _parsed(value)
    return day_of(parsed).isoformat().encode() if parsed else b"not a date"


def _moment(value: RawValue, zone: tzinfo) -> bytes:
    return struct.pack(">q", _instant(value, zone)).hex().encode()


def _instants(values: Sequence[bytes], zone: tzinfo) -> Iterable[int]:
    """Do for a column what `_instant` does for a value, without a look at how it is written."""
    try:
        read = [datetime.fromisoformat(text) for text in b"\n".join(values).decode().split("\n")]
    except ValueError:
        return [_instant(value, zone) for value in values]
    if zone is UTC and not any(moment.tzinfo for moment in read):
        since = [moment - _NAIVE_ZERO for moment in read]
    else:
        placed = [moment if moment.tzinfo else moment.replace(tzinfo=zone) for moment in read]
        since = [moment - _ZERO for moment in placed]
    # Quicker by far than one division by a microsecond.
    return [((s.days * 86_400) + s.seconds) * 1_000_000 + s.microseconds for s in since]


def _parsed(value: RawValue) -> ParsedDate | None:
    return parse_date(value.decode()) if isinstance(value, bytes) else None


def _instant(value: RawValue, zone: tzinfo) -> int:
    """Count microseconds as Postgres does; what is no date is told apart from every date."""
    parsed = _parsed(value)
    return microseconds(parsed, zone) - _TIME_ZERO if parsed else -(2**63)
