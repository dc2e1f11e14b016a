"""What a translated piece of SQL yields, and how it becomes text, number or condition."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from pytest_deploy.schema.identifiers import literal
from pytest_deploy.schema.kinds import Kind

if TYPE_CHECKING:
    from pytest_deploy.schema.dates import DateForm

SMALLEST_INTEGER, LARGEST_INTEGER = -(2**63), 2**63 - 1


class UntranslatableError(Exception):
    """An expression, or a part of it, for which no equal is known; says which part."""


class Sort(StrEnum):
    """What an expression yields, as SQLite sees it."""

    INTEGER = "integer"
    REAL = "real"
    DECIMAL = "decimal"  # a column of numbers, of which some are integers and some reals
    TEXT = "text"
    BLOB = "blob"
    FLAG = "boolean"  # 0 and 1 in SQLite, a boolean in Postgres
    DAY = "date"
    MOMENT = "timestamp"
    NULL = "null"


NUMBERS = frozenset({Sort.INTEGER, Sort.REAL, Sort.DECIMAL})
DATES = frozenset({Sort.DAY, Sort.MOMENT})
SORT_OF = {
    Kind.BIGINT: Sort.INTEGER,
    Kind.DOUBLE: Sort.REAL,
    Kind.NUMERIC: Sort.DECIMAL,
    Kind.TEXT: Sort.TEXT,
    Kind.BYTEA: Sort.BLOB,
    Kind.BOOLEAN: Sort.FLAG,
    Kind.DATE: Sort.DAY,
    Kind.TIMESTAMPTZ: Sort.MOMENT,
}
KIND_OF = {sort: kind for kind, sort in SORT_OF.items()} | {Sort.NULL: Kind.TEXT}
# What SQLite has in columns whose type in Postgres says more than that.
SORT_OF |= {
    Kind.UUID: Sort.TEXT,
    Kind.JSON: Sort.TEXT,
    Kind.SECONDS: Sort.INTEGER,
    Kind.MILLISECONDS: Sort.INTEGER,
    Kind.JULIAN_DAYS: Sort.REAL,
    Kind.CORE_DATA: Sort.DECIMAL,
}
_NUMBER = re.compile(r"\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?\s*", re.ASCII)


@dataclass(frozen=True)
class Moment:
    """
    A date as SQLite computes with it: a day and a time without a zone.

    Args:
        naive: SQL of Postgres' type `timestamp`.
        zone: The zone in which it names an instant.
        form: How SQLite writes it as text; None where forms are mixed.
    """

    naive: str
    zone: str
    form: DateForm | None

    @property
    def whole(self) -> str:
        """SQL of type `timestamp`: midnight where SQLite writes no time."""
        is_day = self.form is not None and self.form.is_day
        if not is_day or self.naive.endswith("::timestamp"):
            return self.naive
        return f"date_trunc('day', {self.naive})"

    @property
    def day(self) -> str:
        """SQL of type `date`."""
        return f"{self.naive.removesuffix('::timestamp')}::date"


@dataclass(frozen=True)
class Value:
    """
    A piece of Postgres SQL.

    Args:
        sql: The text; in parentheses where it has operators.
        sort: What it yields.
        constant: The literal as SQLite reads it; None for anything else.
        truth: Whether it is true or false in Postgres and 1 or 0 in SQLite by being a condition.
        numeric: Whether SQLite gives numeric affinity to it: such a column or CAST.
        textual: Whether SQLite gives text affinity to it.
        collation: How SQLite compares it.
        explicit: Whether COLLATE was said.
        moment: For dates, and for texts made from dates.
        digits: Whether it is text that consists of digits.
        mixed: Whether SQLite has a number now and a text then, where Postgres has texts.
        loose: Whether SQLite has an integer now and a real then, where Postgres has reals.
        zero: Whether SQLite has the integer 0 now and a real then, where Postgres has reals.
        document: SQL of type json, where it is a value taken out of a document.
    """

    sql: str
    sort: Sort
    constant: int | float | str | None = None
    truth: bool = False
    numeric: bool = False
    textual: bool = False
    collation: str = "BINARY"
    explicit: bool = False
    moment: Moment | None = None
    digits: bool = False
    mixed: bool = False
    loose: bool = False
    zero: bool = False
    document: str = ""

    @property
    def flag(self) -> bool | None:
        """For a literal 0 or 1, the boolean it may stand for."""
        known = self.sort is Sort.INTEGER and self.constant in (0, 1)
        return bool(self.constant) if known else None


def require(holds: bool, otherwise: str) -> None:
    """
    Refuse to go on.

    Args:
        holds: What must be so.
        otherwise: What has no equal.

    Raises:
        UntranslatableError: It is not so.
    """
    if not holds:
        raise UntranslatableError(otherwise)


def condition(sql: str) -> Value:
    """Make a value of a condition."""
    return Value(sql, Sort.FLAG, truth=True)


def integer(sql: str) -> Value:
    """Make a value of an integer expression."""
    return Value(sql, Sort.INTEGER)


def text(sql: str) -> Value:
    """Make a value of a text expression."""
    return Value(sql, Sort.TEXT)


def text_constant(value: str) -> Value:
    """Make a value of a string literal."""
    require("\0" not in value, "a string with NUL in it")
    return Value(literal(value), Sort.TEXT, constant=value)


def number_constant(written: str) -> Value:
    """
    Make a value of a numeric literal.

    Args:
        written: The literal, without a sign.

    Returns:
        An integer where SQLite reads it so, else a real.
    """
    if written.isdecimal() and int(written) <= LARGEST_INTEGER:
        return Value(written, Sort.INTEGER, constant=int(written))
    number = float(written)
    return Value(f"'{number!r}'::double precision", Sort.REAL, constant=number)


def truth(value: Value) -> str:
    """
    Give the condition that SQLite makes of a value.

    Args:
        value: Any value.

    Returns:
        SQL of type boolean.

    Raises:
        UntranslatableError: A text or blob is used as a condition.
    """
    if value.sort is Sort.FLAG:
        return value.sql
    if value.sort is Sort.NULL:
        return "NULL::boolean"
    require(value.sort in NUMBERS, f"a condition that is a {value.sort}")
    return f"({value.sql} <> 0)"


def number(value: Value) -> Value:
    """
    Give the number that SQLite makes of a value in arithmetic.

    Args:
        value: Any value.

    Returns:
        An integer, real or decimal, or NULL.

    Raises:
        UntranslatableError: It is a text of which only its beginning may be a number.
    """
    if value.sort in NUMBERS:
        return value
    if value.sort is Sort.NULL:
        return integer("NULL::bigint")
    if value.sort is Sort.FLAG:
        return Value(f"{value.sql}::integer", Sort.INTEGER)
    require(not value.loose, "arithmetic with what is now a real, now a text")
    if value.digits:
        return integer(f"({value.sql})::bigint")
    if isinstance(value.constant, str):
        beginning = _NUMBER.match(value.constant)
        return signed_constant(beginning[0].strip() if beginning else "0")
    raise UntranslatableError(f"arithmetic with a {value.sort}")


def signed_constant(written: str) -> Value:
    """
    Make a value of a numeric literal that may have a sign.

    Args:
        written: The literal.

    Returns:
        The value.
    """
    unsigned = number_constant(written.lstrip("+-"))
    if not written.startswith("-") or unsigned.constant is None:
        return unsigned
    negative = -float(unsigned.constant) if unsigned.sort is Sort.REAL else -int(unsigned.constant)
    return replace(unsigned, sql=f"(-{unsigned.sql})", constant=negative)


def is_numeric_text(value: Value) -> bool:
    """Tell whether a string literal is what SQLite's numeric affinity makes a number of."""
    return isinstance(value.constant, str) and _NUMBER.fullmatch(value.constant) is not None


def folded(sql: str, collation: str) -> str:
    """
    Give the form in which two texts are equal under a collation exactly when their bytes are.

    Args:
        sql: SQL of a text.
        collation: SQLite's name for it, upper case.

    Returns:
        SQL of a text; NOCASE folds ASCII only, as SQLite does.

    Raises:
        UntranslatableError: The collation is the application's own.

    Source: https://www.sqlite.org/datatype3.html#collating_sequences
    """
    if collation == "BINARY":
        return sql
    if collation == "NOCASE":
        return f'lower({sql} COLLATE "C")'
    require(collation == "RTRIM", f"COLLATE {collation}")
    return f"rtrim({sql}, ' ')"
