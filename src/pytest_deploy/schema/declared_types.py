"""What a declared type promises, whatever is stored under it."""

from __future__ import annotations

import re

from pytest_deploy.schema.kinds import Kind, TargetType

_LARGEST_PRECISION = 1000
_ARGUMENTS = re.compile(r"\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)")
_SPACES = re.compile(r"\s+")

# Declarations that promise a family, upper case, without arguments. All others follow the data.
_KNOWN: tuple[tuple[re.Pattern[str], Kind], ...] = (
    (
        re.compile(
            r"(?:UNSIGNED |SIGNED )?(?:TINY|SMALL|MEDIUM|BIG|BIG )?INT(?:EGER)?(?:[1248]|16|32|64)?"
            r"(?: UNSIGNED| SIGNED)?|UINT(?:8|16|32|64)?|(?:SMALL|BIG)?SERIAL"
        ),
        Kind.BIGINT,
    ),
    (re.compile(r"REAL|FLOAT[48]?|DOUBLE(?: PRECISION)?"), Kind.DOUBLE),
    (re.compile(r"NUMERIC|DECIMAL|DEC|NUMBER|MONEY"), Kind.NUMERIC),
    (
        re.compile(
            r"(?:TINY|MEDIUM|LONG)?TEXT|N?(?:VAR)?CHAR2?|CHARACTER(?: VARYING)?|VARYING CHARACTER"
            r"|(?:NATIVE|NATIONAL) CHARACTER(?: VARYING)?|N?CLOB|LONGVARCHAR|CITEXT"
        ),
        Kind.TEXT,
    ),
    (re.compile(r"(?:TINY|MEDIUM|LONG)?BLOB|(?:VAR)?BINARY|LONGVARBINARY|BYTEA"), Kind.BYTEA),
    (re.compile(r"BOOL(?:EAN)?"), Kind.BOOLEAN),
    (re.compile(r"DATE"), Kind.DATE),
    (
        re.compile(r"DATETIME2?|TIMESTAMP(?:TZ)?|TIMESTAMP WITH(?:OUT)? TIME ZONE"),
        Kind.TIMESTAMPTZ,
    ),
)
AS_DECLARED = {
    **dict.fromkeys(("UUID", "GUID", "UNIQUEIDENTIFIER"), TargetType(Kind.UUID)),
    **dict.fromkeys(("JSON", "JSONB"), TargetType(Kind.JSON)),
}
CARRIED_AS_STORED = re.compile(r"TIME|JSONB?|UUID|GUID|UNIQUEIDENTIFIER|INTERVAL|XML")
DATE_KINDS = frozenset({Kind.DATE, Kind.TIMESTAMPTZ})


def normalised(declared: str) -> str:
    """
    Bring a declaration to one spelling.

    Args:
        declared: As written, such as `Decimal (10, 2)`.

    Returns:
        Upper case, without arguments, single spaces: `DECIMAL`.
    """
    return _SPACES.sub(" ", _ARGUMENTS.sub(" ", declared)).strip().upper()


def declared_kind(declared: str) -> Kind | None:
    """
    Name the family that a declaration promises.

    Args:
        declared: As written.

    Returns:
        The family; None where the data decides.
    """
    name = normalised(declared)
    return next((kind for pattern, kind in _KNOWN if pattern.fullmatch(name)), None)


def declared_decimal(declared: str) -> TargetType | None:
    """
    Read the precision and scale of a declared decimal.

    Args:
        declared: As written, such as `DECIMAL(10,2)`.

    Returns:
        The type; None where it is no decimal, has no precision, or one that Postgres refuses.
    """
    found = _ARGUMENTS.search(declared)
    if declared_kind(declared) is not Kind.NUMERIC or found is None:
        return None
    precision, scale = int(found.group(1)), int(found.group(2) or 0)
    if not 0 < precision <= _LARGEST_PRECISION or scale > precision:
        return None
    return TargetType(Kind.NUMERIC, precision, scale)


def declared_exactly(declared: str) -> TargetType | None:
    """
    Name the type of a declaration that says what every value must be.

    Args:
        declared: As written, such as `DECIMAL(10,2)`, `UUID` or `JSON`.

    Returns:
        The type; None for any other declaration.
    """
    return AS_DECLARED.get(normalised(declared)) or declared_decimal(declared)


def is_declared_date(declared: str) -> bool:
    """
    Tell whether the texts of a column are to be read as dates.

    Args:
        declared: As written.

    Returns:
        Whether it is declared as a date or a timestamp.
    """
    return declared_kind(declared) in DATE_KINDS
