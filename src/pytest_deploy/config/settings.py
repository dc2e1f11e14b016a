"""Reads `deploy.toml`; relative paths in it are relative to it."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from pytest_deploy.config.lines import dotted
from pytest_deploy.config.problems import invalid, meant
from pytest_deploy.config.sections import App, EnvSettings, File, SourceSettings
from pytest_deploy.errors import ConfigError
from pytest_deploy.secrets import Secret, resolve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_deploy.config.configuration import ConfigurationSettings
    from pytest_deploy.config.fields import Section
    from pytest_deploy.config.files import FilesSettings
    from pytest_deploy.config.freeze import FreezeSettings
    from pytest_deploy.config.gates import LoadSettings
    from pytest_deploy.config.release import AccessSettings
    from pytest_deploy.config.users import UsersSettings

REHEARSAL = "rehearsal"
LOCK = "schema.lock"
EXPECTATIONS = "expectations"


class Settings(File):
    """
    The whole of `deploy.toml`, and where it comes from.

    Args:
        path: The file, for messages; None where `--source` stands for it.
        digest: The file's SHA-256, in hex; empty where there is no file.
        borrowed: Whether another database stands in place of the configured one.
    """

    path: Path | None = None
    digest: str = ""
    borrowed: bool = False

    @property
    def schema_lock(self) -> Path | None:
        """Where the frozen plan of the configured database is or would be; None for any other."""
        return None if self.path is None or self.borrowed else self.path.with_name(LOCK)

    @property
    def expectations(self) -> Path | None:
        """The suites of the app whose database is configured; None for any other database."""
        return None if self.borrowed else self.expectations_of_envs

    @property
    def expectations_of_envs(self) -> Path | None:
        """The suites for what stands in an env, whatever the source; None without a file."""
        if self.path is None:
            return None
        return self.gates.expectations.folder or self.path.resolve().parent / EXPECTATIONS

    @property
    def asks_for_expectations(self) -> bool:
        """Whether there must be suites: their folder is named."""
        return self.gates.expectations.folder is not None

    @property
    def load(self) -> LoadSettings | None:
        """The load that the app must carry; None where it is not asked for."""
        return None if self.borrowed else self.gates.load

    @property
    def largest_risk(self) -> int | None:
        """The bound of what may go wrong with the configured database; None for any other."""
        if self.path is None or self.borrowed:
            return None
        return self.gates.risk.largest_total

    @property
    def api(self) -> AccessSettings | None:
        """Who may do what through Supabase; None where nobody asks, or for another database."""
        return None if self.borrowed else self.access

    @property
    def storage(self) -> FilesSettings | None:
        """What becomes of uploads; None where nobody asks, or for another database."""
        return None if self.borrowed else self.files

    @property
    def auth(self) -> UsersSettings | None:
        """Whose accounts go to Auth; None where nobody asks, or for another database."""
        return None if self.borrowed else self.users

    @property
    def variables(self) -> ConfigurationSettings | None:
        """What a release sets in the app's file; None where nothing, or for another database."""
        return None if self.borrowed else self.configuration

    @property
    def frozen(self) -> FreezeSettings | None:
        """How the app is kept from writing; None where nothing does, or for another database."""
        return None if self.borrowed else self.freeze

    @property
    def folder(self) -> Path:
        """The folder of the file; the current one where there is none."""
        return self.path.resolve().parent if self.path else Path.cwd()

    @property
    def queries(self) -> Path | None:
        """The statements of the app whose database is configured; None for any other database."""
        return None if self.borrowed else self.behaviour.queries

    def with_source(self, database: Path) -> Settings:
        """
        Put another database in place of the configured one; its uploads are not known.

        Args:
            database: A SQLite file.

        Returns:
            The settings with that source.
        """
        source = self.source.model_copy(update={"database": database, "uploads": None})
        borrowed = database.resolve() != self.source.database.resolve()
        return self.model_copy(update={"source": source, "borrowed": borrowed})

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
            problem=f"expected one of {', '.join(known)}; seen {name!r}{meant(name, known)}",
            where=f"--env, and {self._file}, [env.NAME]",
            remedy=f"add [{dotted(('env', name))}] to deploy.toml, or name one of these",
        )

    def database_url(self, name: str, environ: Mapping[str, str] | None = None) -> Secret:
        """
        Resolve the connection URL of an env, when it is about to be used.

        Args:
            name: The env.
            environ: The environment; the process's own unless given.

        Returns:
            The URL.

        Raises:
            ConfigError: There is no such env, it has no database, or the variable is not set.
        """
        reference = self.environment(name).database
        where = f"{self._file}, [{dotted(('env', name))}] database"
        if reference is None:
            raise ConfigError(
                f"env {name!r}",
                problem="expected the URL of its database, seen none",
                where=where,
                remedy='add database = "env:NAME" and export that variable',
            )
        return resolve(reference.reveal(), where=where, environ=environ)

    @property
    def _file(self) -> str:
        return str(self.path or "deploy.toml")


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
    except OSError as error:
        raise _unreadable(path, f"cannot be read: {error.strerror}") from None
    told = _parsed(path, raw)
    try:
        found = File.model_validate(told, by_alias=True, by_name=False)
    except ValidationError as error:
        raise invalid(path, error, told) from None
    sections = {name: getattr(found, name) for name in File.model_fields}
    digest = hashlib.sha256(raw).hexdigest()
    return Settings(**(sections | _beside(found, path.resolve().parent)), path=path, digest=digest)


def _beside(found: File, folder: Path) -> dict[str, Section | None]:
    """Resolve the paths of a file against its folder."""
    source, behaviour, gates = found.source, found.behaviour, found.gates
    uploads = source.uploads and folder / source.uploads
    data = {"database": folder / source.database, "uploads": uploads}
    queries = behaviour.queries and folder / behaviour.queries
    rules, load = gates.expectations, gates.load
    suites = rules.folder and folder / rules.folder
    resolved = {
        "expectations": rules.model_copy(update={"folder": suites}),
        "load": load and load.model_copy(update={"folder": folder / load.folder}),
    }
    variables = found.configuration
    files = {}
    if variables is not None:
        now = variables.source and folder / variables.source
        files = {"target": folder / variables.target, "source": now}
    freeze = found.freeze
    flag = freeze and freeze.flag and folder / freeze.flag
    backup = found.backup
    shelf = backup and backup.folder and folder / backup.folder
    migration = found.release.migration and folder / found.release.migration
    access = found.access
    policies = access and access.policies and folder / access.policies
    return {
        "access": access and access.model_copy(update={"policies": policies}),
        "source": source.model_copy(update=data),
        "release": found.release.model_copy(update={"migration": migration}),
        "backup": backup and backup.model_copy(update={"folder": shelf}),
        "freeze": freeze and freeze.model_copy(update={"flag": flag}),
        "configuration": variables and variables.model_copy(update=files),
        "behaviour": behaviour.model_copy(update={"queries": queries}),
        "gates": gates.model_copy(update=resolved),
    }


def for_source(database: Path) -> Settings:
    """
    Make settings for a database alone, as `--source FILE` does without a configuration.

    Args:
        database: A SQLite file.

    Returns:
        Default settings with that source.
    """
    told = database.stem or str(database)
    name = "".join(letter if letter.isprintable() else "?" for letter in told)
    return Settings(app=App(name=name), source=SourceSettings(database=database))


def settings_of(path: Path | None, source: Path | None) -> Settings:
    """
    Read the settings that a command line means: a configuration, a database, or both.

    Args:
        path: A `deploy.toml`; None where there is none.
        source: A database in place of the configured one; None for that one.

    Returns:
        The settings.

    Raises:
        ConfigError: The configuration is not what it should be, or there is neither.
    """
    if path is not None:
        settings = load(path)
        return settings.with_source(source) if source is not None else settings
    if source is None:
        raise ConfigError(
            "configuration",
            problem="expected a deploy.toml here or --source, seen neither",
            where="--deploy-config, default deploy.toml, or --source",
            remedy="write a deploy.toml, or name a database: --source app.db",
        )
    return for_source(source)


def _parsed(path: Path, raw: bytes) -> dict[str, object]:
    try:
        text = raw.decode("utf-8-sig")  # editors on Windows begin files with a mark
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _unreadable(path, f"expected UTF-8, seen other bytes (at line {line})") from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        *before, last = text.split("\n")
        end = f"at line {len(before) + 1}, column {len(last) + 1}, the end of the file"
        problem = str(error).replace("at end of document", end)
        raise _unreadable(path, f"expected TOML, seen something else: {problem}") from None


def _unreadable(path: Path, problem: str) -> ConfigError:
    return ConfigError(
        f"configuration {path}",
        problem=problem,
        where="--deploy-config, default deploy.toml",
        remedy="correct the file, or name another one",
    )
