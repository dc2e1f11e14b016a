"""Column defaults: constants are computed by SQLite itself, all others are translated."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pytest_deploy.schema.dates import microseconds, parse_date
from pytest_deploy.schema.default_values import NOTHING, stored_default
from pytest_deploy.schema.identifiers import literal
from pytest_deploy.schema.instants import moment_of
from pytest_deploy.schema.kinds import Kind, RawValue, TargetType, exact_decimal, fits
from pytest_deploy.schema.tokens import tokens
from pytest_deploy.schema.translation.conversions import stored_as
from pytest_deploy.schema.translation.expressions import translate
from pytest_deploy.schema.translation.scope import Relation, VisibleColumn
from pytest_deploy.schema.translation.values import UntranslatableError

if TYPE_CHECKING:
    from datetime import tzinfo

    from pytest_deploy.schema.model import Column
    from pytest_deploy.schema.translation.expressions import Context
    from pytest_deploy.schema.types import TypeChoice

_NOT_CONSTANT = frozenset(
    [
        "RANDOM",
        "RANDOMBLOB",
        "CURRENT_TIMESTAMP",
        "CURRENT_DATE",
        "CURRENT_TIME",
        "DATE",
        "TIME",
        "DATETIME",
        "JULIANDAY",
        "STRFTIME",
        "UNIXEPOCH",
        "TIMEDIFF",
        "CHANGES",
        "TOTAL_CHANGES",
        "LAST_INSERT_ROWID",
        "SQLITE_VERSION",
    ]
)


def translate_default(column: Column, choice: TypeChoice, context: Context) -> str | None:
    """
    Translate a column's default.

    Args:
        column: The column.
        choice: What it becomes in Postgres.
        context: What expressions are translated by.

    Returns:
        Postgres' expression; None where there is no default, or it is NULL.

    Raises:
        UntranslatableError: It has no equal that we know, or does not fit the type.
    """
    if column.default is None:
        return None
    if _NOT_CONSTANT & {token.word for token in tokens(column.default)}:
        return _computed(column, choice, context)
    value = stored_default(column)
    if value is NOTHING:
        raise UntranslatableError("its expression")
    if choice.target.kind is Kind.BYTEA and isinstance(value, str):
        value = value.encode()  # a blob column that is empty by default says ''
    if not fits(value, choice.target):
        raise UntranslatableError(f"a value that does not fit {choice.target.sql}")
    return None if value is None else sql_literal(value, choice.target, ZoneInfo(context.zone))


def _computed(column: Column, choice: TypeChoice, context: Context) -> str:
    """Translate what SQLite computes anew for every row."""
    kind, zone = choice.target.kind, context.zone
    visible = VisibleColumn.of_kind(column.name, kind, form=choice.form, zone=zone)
    value = translate(column.default or "NULL", Relation("", None, ()), context)
    return stored_as(value, visible, context)


def sql_literal(value: RawValue, target: TargetType, zone: tzinfo) -> str:
    """
    Write a value that fits as a Postgres literal.

    Args:
        value: A raw value other than NULL.
        target: The type it fits.
        zone: The zone of dates that name none.

    Returns:
        The literal.
    """
    if isinstance(value, bytes):
        return f"'\\x{value.hex()}'::bytea"
    if target.kind is Kind.BOOLEAN:
        return "true" if value else "false"
    if target.sql in ("timestamptz", "date", "uuid", "json"):
        return f"{literal(_written(value, target.kind, zone))}::{target.sql}"
    if target.kind is Kind.TEXT:
        return literal(str(value))
    if isinstance(value, float) and target.kind is Kind.DOUBLE:
        return literal(repr(value)) + "::double precision"
    if isinstance(value, float) and not math.isfinite(value):
        return literal(repr(value)) + "::numeric"
    return f"{exact_decimal(value):f}" if isinstance(value, int | float) else literal(str(value))


def _written(value: RawValue, kind: Kind, zone: tzinfo) -> str:
    """Write what Postgres reads from text."""
    if kind.unit is not None and isinstance(value, int | float):
        return moment_of(value, kind.unit).isoformat(sep=" ")
    return _instant(str(value), zone) if kind is Kind.TIMESTAMPTZ else str(value)


def _instant(text: str, zone: tzinfo) -> str:
    parsed = parse_date(text)
    if parsed is None:
        raise UntranslatableError("a date that is not on the calendar")
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds(parsed, zone))
    return moment.isoformat(sep=" ")
