"""Makes a copy of the app's database and uploads in which stands what the project holds now."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pytest_deploy.carrying.files import files_back
from pytest_deploy.carrying.references import ReferencesBack
from pytest_deploy.carrying.rows import RowWriterBack
from pytest_deploy.carrying.users import accounts_now, write_users
from pytest_deploy.carrying.writing import left_to_the_app, writing
from pytest_deploy.errors import ConfigError
from pytest_deploy.recovery.content import digests_of
from pytest_deploy.recovery.objects import list_objects
from pytest_deploy.transfer.manifest import Place
from pytest_deploy.transfer.row_changes import row_changes

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from pytest_deploy.carrying.files import FilesBack
    from pytest_deploy.carrying.rows import RowsBack
    from pytest_deploy.config import Settings
    from pytest_deploy.config.files import FilesSettings
    from pytest_deploy.providers.postgres.base import Target
    from pytest_deploy.providers.supabase.base import Supabase
    from pytest_deploy.schema.plan import PlannedTable
    from pytest_deploy.transfer.adapting import Adaptation
    from pytest_deploy.transfer.manifest import Manifest
    from pytest_deploy.transfer.planning import Prepared
    from pytest_deploy.transfer.rows import Transfer
    from pytest_deploy.transfer.snapshot import Snapshot

UPLOADS = "uploads"
_RUNBOOK = "runbooks/rollback.md"


@dataclass(frozen=True)
class Baseline:
    """
    What was deployed: what is another on the project now was written there.

    Args:
        settings: The configuration.
        adaptation: The source as the app wrote it, and as it went over.
        prepared: The plan by which it did.
        manifest: The uploads; None where none go to Storage.
    """

    settings: Settings
    adaptation: Adaptation
    prepared: Prepared
    manifest: Manifest | None

    @property
    def tables(self) -> tuple[PlannedTable, ...]:
        """The tables, without the id in Auth, and without what only the app itself computes."""
        users = self.settings.auth
        added = (users.table, users.account) if users is not None else ("", "")
        return tuple(
            replace(
                table,
                columns=tuple(
                    column
                    for column in table.columns
                    if (table.source.name, column.source.name) != added
                    and not (column.source.generated and column.generated is None)
                ),
            )
            for table in self.prepared.plan.tables
        )


@dataclass(frozen=True)
class Copy:
    """
    A copy that was written.

    Args:
        base: What was deployed.
        transfer: The source as it went over, and the target as it is now.
        database: The SQLite file.
        rows: What was written into each table.
        files: Its files; None where the app has none in Storage.
        users: How many users sign in with another address or password than the copy had.
        for_the_app: What only the app can bring up to date, since SQLite alone cannot.
        digests: Of the tables of the target, as they were.
    """

    base: Baseline
    transfer: Transfer
    database: Path
    rows: tuple[RowsBack, ...]
    files: FilesBack | None = None
    users: int = 0
    for_the_app: tuple[str, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict)

    @property
    def snapshot(self) -> Snapshot:
        """The copy, as the way forth reads it."""
        return replace(self.base.adaptation.raw.changed_in(self.database), uploads=())


def empty_folder(folder: Path) -> Path:
    """
    Make a private folder for a copy.

    Args:
        folder: The folder.

    Returns:
        The folder.

    Raises:
        ConfigError: There is something in it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise ConfigError(
            f"--carry-back {folder}",
            problem="expected a folder that is new or empty, seen files in it",
            where="the command line",
            remedy=f"name another one; see {_RUNBOOK}",
        )
    folder.chmod(0o700)
    return folder


def carry_back(
    base: Baseline,
    target: Target,
    folder: Path,
    *,
    schema: str,
    project: Supabase | None = None,
    only: Collection[Place] | None = None,
) -> Copy:
    """
    Carry back what was written on a target since it was deployed to.

    Args:
        base: What was deployed.
        target: Where people have written since.
        folder: Where the copy goes: private and empty.
        schema: The schema of the release's tables.
        project: The project that the target is of; None where it is a database alone.
        only: The objects to bring, and to look into; None for all that are there.

    Returns:
        The copy.

    Raises:
        SourceError: SQLite cannot write the copy.
        TargetError: The project cannot be read.
    """
    database = folder / base.settings.source.database.name
    base.adaptation.raw.copy_to(database)
    with target.connect() as connection:
        digests = digests_of(connection, schema)
    brought = None if project is None else _files(base, project, folder, only)
    transfer = replace(
        base.prepared.transfer,
        snapshot=base.adaptation.snapshot.for_workers,
        target=target,
        schema=schema,
    )
    copy = Copy(base, transfer, database, (), brought, digests=digests)
    rows, for_the_app = _written(copy)
    users = 0 if project is None else _users(copy, project)
    return replace(copy, rows=rows, users=users, for_the_app=for_the_app)


def _files(
    base: Baseline, project: Supabase, folder: Path, only: Collection[Place] | None
) -> FilesBack | None:
    settings = base.settings.storage
    if settings is None or base.manifest is None:
        return None
    uploads = folder / UPLOADS
    uploads.mkdir(mode=0o700)
    there = _objects(project, settings)
    return files_back(project, there, base.manifest.entries, settings, uploads, only)


def _objects(project: Supabase, files: FilesSettings) -> list[Place]:
    with project.database.connect() as connection:
        objects = list_objects(connection).objects
    return [Place(one.bucket, one.key) for one in objects if one.bucket in files.buckets]


def _written(copy: Copy) -> tuple[tuple[RowsBack, ...], tuple[str, ...]]:
    base, files = copy.base, copy.base.settings.storage
    references = ReferencesBack(copy.files.places, files) if copy.files and files else None
    with writing(copy.database, base.adaptation.raw) as connection:
        rows = tuple(
            RowWriterBack(table, copy.transfer.zone, references, base.adaptation.columns).write(
                connection, row_changes(copy.transfer, table)
            )
            for table in base.tables
        )
        if not any(one.added or one.changed or one.removed for one in rows):
            return rows, ()
        virtual = base.prepared.plan.source.virtual_tables
        return rows, left_to_the_app(connection, virtual, base.adaptation.raw.collations)


def _users(copy: Copy, project: Supabase) -> int:
    users, base = copy.base.settings.auth, copy.base
    if users is None:
        return 0
    with (
        project.database.connect() as connection,
        writing(copy.database, base.adaptation.raw) as database,
    ):
        signing_in = accounts_now(connection, base.prepared.plan.table(users.table), base.settings)
        return write_users(database, signing_in, users)
