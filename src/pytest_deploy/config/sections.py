"""The sections of `deploy.toml`, as frozen, typed records."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Annotated, Literal, TypeAlias
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


Text: TypeAlias = Annotated[str, StringConstraints(min_length=1)]
FilePath: TypeAlias = Annotated[Path, Field(strict=False), BeforeValidator(_path)]
ZoneName: TypeAlias = Annotated[str, AfterValidator(_zone)]
TypeName: TypeAlias = Annotated[str, AfterValidator(_type)]
SchemaName: TypeAlias = Annotated[Text, AfterValidator(_schema_name)]
# Held as written and resolved when it is used: a rehearsal needs none of production's variables.
SecretReference: TypeAlias = Annotated[Secret, PlainValidator(_reference), PlainSerializer(str)]


class Section(BaseModel):
    """What all sections have in common: frozen, strict about types, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class App(Section):
    """
    `[app]`.

    Args:
        name: What reports call the app.
    """

    name: Text


class SourceSettings(Section):
    """
    `[source]`.

    Args:
        database: The SQLite file; relative to `deploy.toml`.
        uploads: The folder of uploads; None where the app has none.
        timezone: The zone of dates that name none.
    """

    database: FilePath
    uploads: FilePath | None = None
    timezone: ZoneName = "UTC"


class ColumnSettings(Section):
    """
    `[schema.columns."table.column"]`.

    Args:
        type: The Postgres type, in place of the one chosen.
        unfit: What is done with values that do not fit it.
        nulls: What is done with NULL in a NOT NULL column.
    """

    type: TypeName | None = None
    unfit: Literal["fail", "widen", "quarantine"] | None = None
    nulls: Literal["fail", "allow", "quarantine"] | None = None


class TableSettings(Section):
    """
    `[schema.tables."table"]`.

    Args:
        primary_key: What is done about NULL inside the primary key.
    """

    primary_key: Literal["fail", "unique", "quarantine"] | None = None


class IndexSettings(Section):
    """
    `[schema.indexes."index"]`, also for keys and UNIQUE constraints by their name in Postgres.

    Args:
        oversized: What is done about rows too large for it.
        keep: False to do without it.
    """

    oversized: Literal["fail", "prefix", "digest", "drop"] | None = None
    keep: bool = True


class ForeignKeySettings(Section):
    """
    `[schema.foreign_keys."table.column"]`.

    Args:
        orphans: What is done with rows that refer to a row that is not there.
        keep: False to do without it.
    """

    orphans: Literal["fail", "null", "quarantine", "keep"] | None = None
    keep: bool = True


class CheckSettings(Section):
    """
    `[schema.checks."table.check"]`.

    Args:
        violated: What is done about rows that violate it.
        keep: False to do without it.
    """

    violated: Literal["fail", "keep"] | None = None
    keep: bool = True


class ProgramSettings(Section):
    """
    `[schema.views."view"]` and `[schema.triggers."trigger"]`.

    Args:
        keep: False to do without it.
    """

    keep: bool = True


class SchemaSettings(Section):
    """
    `[schema]`.

    Args:
        name: The Postgres schema that the tables are made in.
        columns: By `table.column`.
        tables: By table.
        indexes: By index.
        foreign_keys: By `table.column`; several columns with commas between.
        checks: By `table.check`.
        views: By view.
        triggers: By trigger.
    """

    name: SchemaName = "public"
    columns: dict[str, ColumnSettings] = {}
    tables: dict[str, TableSettings] = {}
    indexes: dict[str, IndexSettings] = {}
    foreign_keys: dict[str, ForeignKeySettings] = {}
    checks: dict[str, CheckSettings] = {}
    views: dict[str, ProgramSettings] = {}
    triggers: dict[str, ProgramSettings] = {}


class BehaviourSettings(Section):
    """
    `[behaviour]`: what is tried on both sides to see whether they do the same.

    Args:
        seed: For what is random; the same seed tries the same.
        seconds: How long inserts, updates and deletes are tried at most; too little is unproven.
        queries: A file of the app's own statements, relative to the configuration.
    """

    seed: int = 1
    seconds: Annotated[float, Field(gt=0, le=3600)] = 10.0
    queries: FilePath | None = None


class RehearsalSettings(Section):
    """
    `[rehearsal]`.

    Args:
        postgres: As `--postgres`: auto, embedded, container, a URL or env:NAME.
        image: The container's image.
        workers: Processes that move rows; 0 for as many as there are cores, at most eight.
    """

    postgres: SecretReference = Secret("auto")
    image: Text = "postgres:18"
    workers: Annotated[int, Field(ge=0, le=64)] = 0


class EnvSettings(Section):
    """
    `[env.NAME]`: a named target.

    Args:
        postgres_major: The major version of its Postgres; None where nobody has said.
        database: Its connection URL, as written; `Settings.database_url` resolves it.
    """

    postgres_major: Annotated[int | None, Field(ge=15, le=99)] = None
    database: SecretReference | None = None


class File(Section):
    """
    The whole of `deploy.toml`.

    Args:
        app: `[app]`.
        source: `[source]`.
        schema_: `[schema]`; pydantic has a method of the bare name.
        behaviour: `[behaviour]`.
        rehearsal: `[rehearsal]`.
        env: `[env.NAME]` by name.
    """

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    app: App
    source: SourceSettings
    schema_: SchemaSettings = Field(default=SchemaSettings(), alias="schema")
    behaviour: BehaviourSettings = BehaviourSettings()
    rehearsal: RehearsalSettings = RehearsalSettings()
    env: dict[str, EnvSettings] = {}
