"""The Postgres types that values are carried in, and which raw SQLite value fits which."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from pytest_deploy.schema.dates import parse_date
from pytest_deploy.schema.instants import UNITS, is_instant

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_deploy.schema.instants import Unit

RawValue: TypeAlias = int | float | str | bytes | None

_EXACT_IN_DOUBLE = 2**53
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LONGEST_JSON = 200_000_000  # Postgres reads no text of a gigabyte, and escapes take room
_TYPE = re.compile(r"(?i)\s*([a-z ]+?)\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?\s*")


class Kind(StrEnum):
    """A family of Postgres types with one converter and one canonical form."""

    BIGINT = "bigint"
    DOUBLE = "double precision"
    NUMERIC = "numeric"
    TEXT = "text"
    BYTEA = "bytea"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMPTZ = "timestamptz"
    UUID = "uuid"
    JSON = "json"
    SECONDS = "timestamptz from seconds"
    MILLISECONDS = "timestamptz from milliseconds"
    JULIAN_DAYS = "timestamptz from julian days"
    CORE_DATA = "timestamptz from core data"

    @property
    def sql(self) -> str:
        """The type as Postgres writes it."""
        return self.value.partition(" from ")[0]

    @property
    def unit(self) -> Unit | None:
        """How the source's numbers count, where they name instants."""
        return UNITS.get(self.value.partition(" from ")[2])


INSTANTS = tuple(kind for kind in Kind if kind.unit)


@dataclass(frozen=True)
class TargetType:
    """
    One Postgres type.

    Args:
        kind: Its family.
        precision: Digits in all of a `numeric(p,s)`; None without a limit.
        scale: Digits after the point of a `numeric(p,s)`; None without a limit.
    """

    kind: Kind
    precision: int | None = None
    scale: int | None = None

    @property
    def sql(self) -> str:
        """The type as Postgres writes it."""
        if self.precision is None:
            return self.kind.sql
        return f"{self.kind.sql}({self.precision},{self.scale or 0})"

    @property
    def name(self) -> str:
        """The type as `parse` reads it: with what is made into it."""
        return self.kind.value if self.kind.unit else self.sql

    @classmethod
    def parse(cls, text: str) -> TargetType:
        """
        Read a type from configuration.

        Args:
            text: Such as `bigint`, `numeric(10,2)` or `timestamptz from seconds`.

        Returns:
            The type.

        Raises:
            ValueError: It is none of those that values are carried in.
        """
        match = _TYPE.fullmatch(text)
        if match is None:
            raise ValueError(text)
        name, precision, scale = match.groups()
        kind = Kind(name.lower())
        if precision and kind is not Kind.NUMERIC:
            raise ValueError(text)
        return cls(
            kind, int(precision) if precision else None, int(scale or 0) if precision else None
        )


def fits(value: RawValue, target: TargetType) -> bool:
    """
    Tell whether a value arrives whole.

    Args:
        value: What SQLite stores; text that is not UTF-8 comes with surrogates in it.
        target: The type of its column in Postgres.

    Returns:
        Whether Postgres takes it and it can be made again from what is stored there.
    """
    return value is None or _FITS[target.kind](value, target)


def is_storable_text(text: str) -> bool:
    """
    Tell whether Postgres can store a text: UTF-8 without NUL.

    Args:
        text: A stored value; bytes that are not UTF-8 stand as surrogates.

    Returns:
        Whether it can.
    """
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def exact_decimal(value: float) -> Decimal:
    """
    Give a number as the shortest decimal that reads back as the same number.

    Args:
        value: An integer or a real.

    Returns:
        The decimal; of a real its shortest form, as `0.1` for 0.1.
    """
    return Decimal(value) if isinstance(value, int) else Decimal(repr(value))


def _fits_numeric(value: RawValue, target: TargetType) -> bool:
    if not isinstance(value, int | float):
        return False
    if target.precision is None:
        return True
    if not math.isfinite(value):
        return False
    decimal = exact_decimal(value).normalize()
    _, digits, exponent = decimal.as_tuple()
    fraction = max(0, -int(exponent))
    whole = max(0, len(digits) + int(exponent))
    scale = target.scale or 0
    return fraction <= scale and whole <= target.precision - scale


def _fits_double(value: RawValue, _: TargetType) -> bool:
    if isinstance(value, int):
        return abs(value) <= _EXACT_IN_DOUBLE
    return isinstance(value, float)


def _fits_text(value: RawValue, _: TargetType) -> bool:
    if isinstance(value, str):
        return is_storable_text(value)
    return isinstance(value, int | float)


def _fits_day(value: RawValue, _: TargetType) -> bool:
    parsed = parse_date(value) if isinstance(value, str) else None
    return parsed is not None and parsed.form.is_day


def _fits_instant(value: RawValue, _: TargetType, *, unit: Unit) -> bool:
    return is_instant(value, unit)


def _fits_uuid(value: RawValue, _: TargetType) -> bool:
    """Only the one spelling that Postgres gives back."""
    return isinstance(value, str) and _UUID.fullmatch(value) is not None


def _fits_json(value: RawValue, _: TargetType) -> bool:
    if not isinstance(value, str) or not is_storable_text(value) or len(value) > _LONGEST_JSON:
        return False
    try:
        json.loads(value, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return False
    return True


def _no_constant(name: str) -> None:
    """Refuse NaN and Infinity, which only Python reads."""
    raise ValueError(name)


_FITS: dict[Kind, Callable[[RawValue, TargetType], bool]] = {
    Kind.BIGINT: lambda value, _: isinstance(value, int),
    Kind.DOUBLE: _fits_double,
    Kind.NUMERIC: _fits_numeric,
    Kind.TEXT: _fits_text,
    Kind.BYTEA: lambda value, _: isinstance(value, bytes),
    Kind.BOOLEAN: lambda value, _: isinstance(value, int) and value in (0, 1),
    Kind.DATE: _fits_day,
    Kind.TIMESTAMPTZ: lambda value, _: isinstance(value, str) and parse_date(value) is not None,
    Kind.UUID: _fits_uuid,
    Kind.JSON: _fits_json,
    **{kind: partial(_fits_instant, unit=kind.unit) for kind in INSTANTS if kind.unit},
}
