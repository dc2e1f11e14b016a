"""
The canonical form of a value: the same text on both sides exactly when nothing was lost.

The source's form is made from the raw SQLite value, never by way of the converter; the target's is
an SQL expression. Equality of the two is what "equal" means for each family of types.
"""

from __future__ import annotations

import hashlib
import struct
from functools import partial
from typing import TYPE_CHECKING

from pytest_deploy.schema.dates import day_of, microseconds, parse_date
from pytest_deploy.schema.kinds import Kind, exact_decimal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import tzinfo

    from pytest_deploy.schema.kinds import RawValue

    Canonical = Callable[[Sequence[RawValue]], list[str | None]]

_SQL = {
    Kind.BIGINT: "{c}::text",
    Kind.DOUBLE: "encode(float8send({c}), 'hex')",
    Kind.NUMERIC: "trim_scale({c})::text",
    Kind.TEXT: "{c}",
    Kind.BYTEA: "encode(sha256({c}), 'hex')",
    Kind.BOOLEAN: "{c}::int::text",
    Kind.DATE: "to_char({c}, 'YYYY-MM-DD')",
    Kind.TIMESTAMPTZ: "(extract(epoch FROM {c}) * 1000000)::bigint::text",
}


def canonical_sql(kind: Kind, column: str) -> str:
    """
    Give the canonical form of a column in Postgres.

    Args:
        kind: The family of its type.
        column: SQL for the column.

    Returns:
        An SQL expression of type text; NULL for NULL.
    """
    return _SQL[kind].format(c=column)


def canonical(kind: Kind, zone: tzinfo) -> Canonical:
    """
    Give the canonical form of raw values.

    Args:
        kind: The family of their column's type in Postgres.
        zone: The zone of dates that name none.

    Returns:
        A function over a batch of values; None for NULL.
    """
    if kind is Kind.TIMESTAMPTZ:
        return partial(_each, form=partial(_instant, zone=zone))
    return partial(_each, form=_FORMS[kind])


def _each(values: Sequence[RawValue], form: Callable[[RawValue], str]) -> list[str | None]:
    return [None if value is None else form(value) for value in values]


def _double(value: RawValue) -> str:
    return struct.pack(">d", value).hex()


def _numeric(value: RawValue) -> str:
    decimal = exact_decimal(value)  # type: ignore[arg-type]
    if not decimal.is_finite():
        return "Infinity" if decimal > 0 else "-Infinity"
    plain = f"{decimal:f}"
    trimmed = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return "0" if trimmed == "-0" else trimmed


def _text(value: RawValue) -> str:
    return repr(value) if isinstance(value, float) else str(value)


def _digest(value: RawValue) -> str:
    return hashlib.sha256(value if isinstance(value, bytes) else b"").hexdigest()


def _day(value: RawValue) -> str:
    parsed = parse_date(str(value))
    return day_of(parsed).isoformat() if parsed else "not a date"


def _instant(value: RawValue, zone: tzinfo) -> str:
    parsed = parse_date(str(value))
    return str(microseconds(parsed, zone)) if parsed else "not a date"


_FORMS: dict[Kind, Callable[[RawValue], str]] = {
    Kind.BIGINT: str,
    Kind.DOUBLE: _double,
    Kind.NUMERIC: _numeric,
    Kind.TEXT: _text,
    Kind.BYTEA: _digest,
    Kind.BOOLEAN: str,
    Kind.DATE: _day,
}
