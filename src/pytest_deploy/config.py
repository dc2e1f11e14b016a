"""`deploy.toml` as frozen, typed settings; every error names file, key and what is allowed."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
import tomllib
from pathlib import Path  # noqa: TC003 - pydantic reads the annotation
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationError,
)

from pytest_deploy.errors import ConfigError
from pytest_deploy.secrets import Secret, resolve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import ErrorDetails

REHEARSAL = "rehearsal"
TYPES = (
    *("bigint", "double precision", "numeric", "numeric(p,s)", "text", "bytea", "boolean"),
    *("date", "timestamptz"),
)
_TYPE = re.compile(r"(?:" + "|".join(t for t in TYPES if "(" not in t) + r"|numeric\(\d+,\s*\d+\))")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_NOT_SHOWN = frozenset({"database", "postgres"})  # may be a URL with a password in it


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("a time zone of the IANA database, such as Europe/Madrid") from None
    return name


def _type(name: str) -> str:
    if not _TYPE.fullmatch(name):
        raise ValueError("one of " + ", ".join(TYPES))
    return name


def _reference(value: object) -> Secret:
    if isinstance(value, Secret):
        return value
    if not isinstance(value, str) or not value:
        raise ValueError("text: a URL, or env:NAME")
    return Secret(value)


ZoneName: TypeAlias = Annotated[str, AfterValidator(_zone)]
TypeName: TypeAlias = Annotated[str, AfterValidator(_type)]
# Held as written and resolved when it is used: a rehearsal needs none of production's variables.
SecretReference: TypeAlias = Annotated[Secret, PlainValidator(_reference), PlainSerializer(str)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class App(_Section):
    """
    `[app]`.

    Args:
        name: What reports call the app.
    """

    name: str


class SourceSettings(_Section):
    """
    `[source]`.

    Args:
        database: The SQLite file; relative to `deploy.toml`.
        uploads: The folder of uploads; None where the app has none.
        timezone: The zone of dates that name none.
    """

    database: Annotated[Path, Field(strict=False)]
    uploads: Annotated[Path | None, Field(strict=False)] = None
    timezone: ZoneName = "UTC"


class ColumnSettings(_Section):
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


class TableSettings(_Section):
    """
    `[schema.tables."table"]`.

    Args:
        primary_key: What is done about NULL inside the primary key.
    """

    primary_key: Literal["fail", "unique", "quarantine"] | None = None


class IndexSettings(_Section):
    """
    `[schema.indexes."index"]`, also for keys and UNIQUE constraints by their name in Postgres.

    Args:
        oversized: What is done about rows too large for it.
        keep: False to do without it.
    """

    oversized: Literal["fail", "prefix", "digest", "drop"] | None = None
    keep: bool = True


class ForeignKeySettings(_Section):
    """
    `[schema.foreign_keys."table.column"]`.

    Args:
        orphans: What is done with rows that refer to a row that is not there.
        keep: False to do without it.
    """

    orphans: Literal["fail", "null", "quarantine", "keep"] | None = None
    keep: bool = True


class CheckSettings(_Section):
    """
    `[schema.checks."table.check"]`.

    Args:
        violated: What is done about rows that violate it.
        keep: False to do without it.
    """

    violated: Literal["fail", "keep"] | None = None
    keep: bool = True


class SchemaSettings(_Section):
    """
    `[schema]`.

    Args:
        name: The Postgres schema that the tables are made in.
        columns: By `table.column`.
        tables: By table.
        indexes: By index.
        foreign_keys: By `table.column`; several columns with commas between.
        checks: By `table.check`.
    """

    name: str = "public"
    columns: dict[str, ColumnSettings] = {}
    tables: dict[str, TableSettings] = {}
    indexes: dict[str, IndexSettings] = {}
    foreign_keys: dict[str, ForeignKeySettings] = {}
    checks: dict[str, CheckSettings] = {}


class RehearsalSettings(_Section):
    """
    `[rehearsal]`.

    Args:
        postgres: As `--postgres`: auto, embedded, container, a URL or env:NAME.
        image: The container's image.
        workers: Processes that move rows; 0 for as many as there are cores, at most eight.
    """

    postgres: SecretReference = Secret("auto")
    image: str = "postgres:18"
    workers: Annotated[int, Field(ge=0, le=64)] = 0


class EnvSettings(_Section):
    """
    `[env.NAME]`: a named target.

    Args:
        postgres_major: The major version of its Postgres; None where nobody has said.
        database: Its connection URL, as written; see `Settings.secret`.
    """

    postgres_major: Annotated[int | None, Field(ge=15, le=99)] = None
    database: SecretReference | None = None


class _File(_Section):
    model_config = ConfigDict(populate_by_name=True)

    app: App
    source: SourceSettings
    schema_: SchemaSettings = Field(default=SchemaSettings(), alias="schema")
    rehearsal: RehearsalSettings = RehearsalSettings()
    env: dict[str, EnvSettings] = {}


class Settings(_File):
    """
    The whole of `deploy.toml`.

    Args:
        app: `[app]`.
        source: `[source]`.
        schema_: `[schema]`.
        rehearsal: `[rehearsal]`.
        env: `[env.NAME]` by name.
        path: The file, for messages; None where `--source` stands for it.
        digest: The file's SHA-256.
    """

    path: Path | None = None
    digest: str = ""

    def with_source(self, database: Path) -> Settings:
        """
        Put another database in place of the configured one; its uploads are not known.

        Args:
            database: A SQLite file.

        Returns:
            The settings with that source.
        """
        source = self.source.model_copy(update={"database": database, "uploads": None})
        return self.model_copy(update={"source": source})

    def environment(self, name: str) -> EnvSettings:
        """
        Look an env up.

        Args:
            name: Its name; `rehearsal` is always there.

        Returns:
            Its settings.

        Raises:
            ConfigError: There is none of that name.
        """
        if name in self.env:
            return self.env[name]
        if name == REHEARSAL:
            return EnvSettings()
        known = sorted({REHEARSAL, *self.env})
        raise ConfigError(
            f"env {name!r}",
            problem=f"expected one of {', '.join(known)}{_meant(name, known)}",
            where=f"--env, and {self.path or 'deploy.toml'}, [env.NAME]",
            remedy=f"add [env.{_key(name)}] to deploy.toml, or name one of these",
        )


def load(path: Path) -> Settings:
    """
    Read a configuration.

    Args:
        path: A `deploy.toml`.

    Returns:
        Its settings; relative paths are resolved against its folder.

    Raises:
        ConfigError: It cannot be read, or is not what it should be; names all that is wrong.
    """
    try:
        raw = path.read_bytes()
        told = tomllib.loads(raw.decode())
    except OSError as error:
        raise _unreadable(path, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _unreadable(path, "expected UTF-8, seen other bytes") from None
    except tomllib.TOMLDecodeError as error:
        raise _unreadable(path, f"expected TOML, seen something else: {error}") from None
    try:
        found = _File.model_validate(told)
    except ValidationError as error:
        raise _invalid(path, error, told) from None
    folder, source = path.resolve().parent, found.source
    beside = {
        "database": folder / source.database,
        "uploads": source.uploads and folder / source.uploads,
    }
    return Settings(
        app=found.app,
        source=source.model_copy(update=beside),
        schema_=found.schema_,
        rehearsal=found.rehearsal,
        env=found.env,
        path=path,
        digest=hashlib.sha256(raw).hexdigest(),
    )


def for_source(database: Path) -> Settings:
    """
    Make settings for a database alone, as `--source FILE` does without a configuration.

    Args:
        database: A SQLite file.

    Returns:
        Default settings with that source.
    """
    return Settings(app=App(name=database.stem), source=SourceSettings(database=database))


def secret(reference: Secret, *, where: str, environ: Mapping[str, str] | None = None) -> Secret:
    """
    Resolve a reference such as `env:NAME`, when it is about to be used.

    Args:
        reference: As it stands in `deploy.toml`.
        where: Where it stands, for the error.
        environ: The environment; the process's own unless given.

    Returns:
        The secret.

    Raises:
        ConfigError: The variable is not set.
    """
    return resolve(reference.reveal(), where=where, environ=environ)


def setting_lines(section: str, name: str, key: str, value: str) -> str:
    """
    Write the lines of `deploy.toml` that settle a finding.

    Args:
        section: Below `[schema]`: `columns`, `foreign_keys` and so on.
        name: The object.
        key: The key.
        value: Its value; `true` and `false` are written as such.

    Returns:
        A table header and one line.
    """
    written = value if value in ("true", "false") else json.dumps(value, ensure_ascii=False)
    return f"[schema.{section}.{_key(name)}]\n{key} = {written}"


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def _unreadable(path: Path, problem: str) -> ConfigError:
    return ConfigError(
        f"configuration {path}",
        problem=problem,
        where="--deploy-config, default deploy.toml",
        remedy="correct the file, or name another one",
    )


def _invalid(path: Path, error: ValidationError, told: dict[str, Any]) -> ConfigError:
    problems = [_problem(details, told) for details in error.errors(include_url=False)]
    count = f"{len(problems)} problems" if len(problems) > 1 else "1 problem"
    return ConfigError(
        f"configuration {path}: {count}",
        problem="\n  ".join(problems),
        where=str(path),
        remedy="correct the keys named above",
    )


def _problem(details: ErrorDetails, told: dict[str, Any]) -> str:
    place = [str(part) for part in details["loc"]]
    key = ".".join(map(_key, place))
    if details["type"] == "missing":
        return f"{key}: expected a value, seen none"
    if details["type"] == "extra_forbidden":
        known = _known_keys(tuple(place[:-1]))
        return f"{key}: unknown key; known are {', '.join(known)}{_meant(place[-1], known)}"
    if details["type"] == "path_type":
        return f"{key}: expected a path; seen {_seen(place, told)}"
    expected = details["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return f"{key}: expected {expected}; seen {_seen(place, told)}"


def _known_keys(place: tuple[str, ...]) -> list[str]:
    """Name the keys that the section at a place has."""
    model: type[BaseModel] | None = _File
    for part in place:
        field = (
            next((f for n, f in model.model_fields.items() if part in (n, f.alias)), None)
            if model
            else None
        )
        annotation = field.annotation if field else None
        arguments = getattr(annotation, "__args__", ())
        candidate = arguments[-1] if arguments else annotation
        model = candidate if isinstance(candidate, type) else model
    fields = model.model_fields if model else {}
    return sorted(f.alias or n for n, f in fields.items())


def _seen(place: list[str], told: dict[str, Any]) -> str:
    value: Any = told
    for part in place:
        value = value.get(part) if isinstance(value, dict) else None
    kind = {str: "text", bool: "a boolean", int: "an integer", float: "a number"}.get(
        type(value), "a table" if isinstance(value, dict) else "a list"
    )
    return (
        kind if place[-1] in _NOT_SHOWN or kind in ("a table", "a list") else f"{kind}: {value!r}"
    )


def _meant(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
