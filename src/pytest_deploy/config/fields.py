"""What the sections of `deploy.toml` are made of: types that check what is written."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Annotated, TypeAlias
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    StringConstraints,
)

from pytest_deploy.secrets import Secret

TYPES = (
    *("bigint", "double precision", "numeric", "numeric(p,s)", "text", "bytea", "boolean"),
    *("date", "timestamptz", "uuid", "json"),
    *(
        f"timestamptz from {unit}"
        for unit in ("seconds", "milliseconds", "julian days", "core data")
    ),
)
REFERENCE = "text: a URL, or env:NAME"
_NUMERIC = re.compile(r"numeric\((\d{1,4}), ?(\d{1,4})\)")
_ENV_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,62}")
_LARGEST_PRECISION = 1_000
_NAME_BYTES = 63
_TAKEN_SCHEMAS = ("deploy", "information_schema")


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        close = difflib.get_close_matches(name, sorted(available_timezones()), n=1)
        example = close[0] if close else "Europe/Madrid"
        raise ValueError(f"a time zone of the IANA database, such as {example}") from None
    return name


def _type(name: str) -> str:
    sized = _NUMERIC.fullmatch(name)
    if sized:
        precision, scale = map(int, sized.groups())
        if not (1 <= precision <= _LARGEST_PRECISION and scale <= precision):
            raise ValueError(f"numeric(p,s) with p of 1 to {_LARGEST_PRECISION}, s up to p")
    elif name not in TYPES or "(" in name:
        raise ValueError("one of " + ", ".join(TYPES))
    return name


def _schema_name(name: str) -> str:
    if name in _TAKEN_SCHEMAS or name.startswith("pg_"):
        raise ValueError("another name: Postgres, or the deployment itself, uses this one")
    if len(name.encode()) > _NAME_BYTES:
        raise ValueError(f"a name of at most {_NAME_BYTES} bytes")
    return name


def _reference(value: object) -> Secret:
    if isinstance(value, Secret):
        return value
    if not isinstance(value, str) or not value:
        raise ValueError(REFERENCE)
    return Secret(value)


def _path(value: object) -> object:
    # An empty path would mean the folder of the file, and no system takes a NUL.
    if isinstance(value, str) and (not value or "\0" in value):
        raise ValueError("a path")
    return value


def _line(text: str) -> str:
    # It is printed, and stands in reports: no line break may begin a command of CI there, no escape
    # colour it, and no mark of direction turn it round.
    if not text.isprintable():
        raise ValueError("one line of letters that can be seen")
    return text


def _env_names(envs: dict[str, Section]) -> dict[str, Section]:
    # Files are named for them.
    if all(_ENV_NAME.fullmatch(name) for name in envs):
        return envs
    raise ValueError("names of letters, digits, dots, dashes and underscores, a letter first")


def _column(name: str) -> str:
    table, dot, column = name.rpartition(".")
    if not (table and dot and column):
        raise ValueError("a column as table.column")
    return name


Text: TypeAlias = Annotated[str, StringConstraints(min_length=1)]
Line: TypeAlias = Annotated[Text, AfterValidator(_line)]
EnvNames = AfterValidator(_env_names)
FilePath: TypeAlias = Annotated[Path, Field(strict=False), BeforeValidator(_path)]
ZoneName: TypeAlias = Annotated[str, AfterValidator(_zone)]
TypeName: TypeAlias = Annotated[str, AfterValidator(_type)]
ColumnName: TypeAlias = Annotated[str, AfterValidator(_column)]
SchemaName: TypeAlias = Annotated[Text, AfterValidator(_schema_name)]
# Held as written and resolved when it is used: a rehearsal needs none of production's variables.
SecretReference: TypeAlias = Annotated[Secret, PlainValidator(_reference), PlainSerializer(str)]


class Section(BaseModel):
    """
    What all sections have in common: frozen, strict about types, no unknown keys.

    No number is infinite either: a threshold that is would be kept by anything.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        hide_input_in_errors=True,
        allow_inf_nan=False,
    )
