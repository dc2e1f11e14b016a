"""The sections of `deploy.toml`, as frozen, typed records."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from pytest_deploy.config.backup import BackupSettings  # noqa: TC001 - pydantic reads it
from pytest_deploy.config.configuration import ConfigurationSettings  # noqa: TC001 - pydantic
from pytest_deploy.config.fields import (
    ColumnName,
    EnvNames,
    FilePath,
    Line,
    SchemaName,
    SecretReference,
    Section,
    Text,
    TypeName,
    ZoneName,
)
from pytest_deploy.config.files import FilesSettings  # noqa: TC001 - pydantic reads it
from pytest_deploy.config.freeze import FreezeSettings  # noqa: TC001 - pydantic reads it
from pytest_deploy.config.gates import GateSettings
from pytest_deploy.config.release import AccessSettings, ReleaseSettings
from pytest_deploy.config.seal import SealSettings
from pytest_deploy.config.users import UsersSettings  # noqa: TC001 - pydantic reads it
from pytest_deploy.secrets import Secret


class App(Section):
    """
    `[app]`.

    Args:
        name: What reports call the app.
    """

    name: Line


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
        too_large: What is done about rows that no page of Postgres holds.
    """

    primary_key: Literal["fail", "unique", "quarantine"] | None = None
    too_large: Literal["fail", "quarantine"] | None = None


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
    columns: dict[str, ColumnSettings] = Field(default_factory=dict)
    tables: dict[str, TableSettings] = Field(default_factory=dict)
    indexes: dict[str, IndexSettings] = Field(default_factory=dict)
    foreign_keys: dict[str, ForeignKeySettings] = Field(default_factory=dict)
    checks: dict[str, CheckSettings] = Field(default_factory=dict)
    views: dict[str, ProgramSettings] = Field(default_factory=dict)
    triggers: dict[str, ProgramSettings] = Field(default_factory=dict)


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


class PrivacySettings(Section):
    """
    `[privacy]`: no value of these columns is ever printed, whatever fails.

    Args:
        personal: Columns that hold personal data, as `table.column`.
    """

    personal: Annotated[tuple[ColumnName, ...], Field(strict=False)] = ()


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
        url: The URL of its Supabase project; None for a database alone.
        publishable_key: The key that browsers may know: `sb_publishable_...`, or legacy `anon`.
        secret_key: The key that nobody else may know: `sb_secret_...`, or legacy `service_role`.
        disk_mb: How large its database may become, in megabytes; None where its disk is this
            machine's, and is measured.
        load_writes: Whether journeys of load that write are carried out there, too; what they write
            is taken back.
        existing: What is done where tables of the app stand there with rows of somebody else:
            `refuse`, or `replace`, which moves them aside until the release is complete.
    """

    postgres_major: Annotated[int | None, Field(ge=15, le=99)] = None
    database: SecretReference | None = None
    url: SecretReference | None = None
    publishable_key: SecretReference | None = None
    secret_key: SecretReference | None = None
    load_writes: bool = False
    disk_mb: Annotated[int | None, Field(ge=1)] = None
    existing: Literal["refuse", "replace"] = "refuse"


class File(Section):
    """
    The whole of `deploy.toml`.

    Args:
        app: `[app]`.
        source: `[source]`.
        schema_: `[schema]`; pydantic has a method of the bare name.
        behaviour: `[behaviour]`.
        privacy: `[privacy]`.
        gates: `[gates]`.
        seal: `[seal]`.
        rehearsal: `[rehearsal]`.
        access: `[access]`; None where the app does not go to Supabase.
        release: `[release]`.
        users: `[users]`; None where nobody signs in.
        files: `[files]`; None where no upload goes to Storage.
        configuration: `[configuration]`; None where a release sets no variable.
        backup: `[backup]`; None where nothing is kept but what a release moves aside.
        freeze: `[freeze]`; None where nothing keeps the app from writing.
        env: `[env.NAME]` by name.
    """

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    app: App
    source: SourceSettings
    schema_: SchemaSettings = Field(default=SchemaSettings(), alias="schema")
    behaviour: BehaviourSettings = BehaviourSettings()
    privacy: PrivacySettings = PrivacySettings()
    gates: GateSettings = GateSettings()
    seal: SealSettings = SealSettings()
    rehearsal: RehearsalSettings = RehearsalSettings()
    access: AccessSettings | None = None
    release: ReleaseSettings = ReleaseSettings()
    files: FilesSettings | None = None
    users: UsersSettings | None = None
    configuration: ConfigurationSettings | None = None
    backup: BackupSettings | None = None
    freeze: FreezeSettings | None = None
    env: Annotated[dict[str, EnvSettings], EnvNames] = Field(default_factory=dict)
