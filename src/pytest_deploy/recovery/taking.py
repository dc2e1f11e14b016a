"""Keeps what stands on a project: rows, accounts, objects, variables, journals; encrypted."""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import IO, TYPE_CHECKING

from pytest_deploy.audit.log import note
from pytest_deploy.errors import TargetError
from pytest_deploy.files import write_whole
from pytest_deploy.providers.postgres.dump import dump_data, dump_folder
from pytest_deploy.recovery.content import (
    accounts_of,
    digests,
    policies_of_storage,
    schemas_of,
    snapshot_of,
)
from pytest_deploy.recovery.manifest import (
    ACCOUNTS,
    CONFIGURATION,
    DATABASE,
    JOURNAL,
    MANIFEST,
    STORAGE,
    Manifest,
    written,
)
from pytest_deploy.recovery.objects import Objects, list_objects, write_objects
from pytest_deploy.recovery.sealed_file import Kept, encrypt

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pytest_deploy.providers.postgres.base import Connection
    from pytest_deploy.providers.supabase.base import Supabase

POLICIES = "storage-policies.json"
_LOCK_WAIT = "5s"
_JOURNALS = ("journal.jsonl", "deployment.jsonl", "rehearsal.jsonl", "audit.jsonl")


@dataclass(frozen=True)
class Backup:
    """
    A backup.

    Args:
        folder: Where it is.
        manifest: What is in it.
    """

    folder: Path
    manifest: Manifest


@dataclass(frozen=True)
class Wanted:
    """
    What is kept besides what stands on the project.

    Args:
        app: The app's name.
        env: The env's.
        recipients: Public keys of age: whoever has a private one can open it.
        configuration: The app's file of variables; None where none is set.
        evidence: The folder of all runs, for their journals; None for none.
    """

    app: str
    env: str
    recipients: tuple[str, ...]
    configuration: Path | None = None
    evidence: Path | None = None


def take(
    project: Supabase, wanted: Wanted, shelf: Path, workspace: Path, *, workers: int = 2
) -> Backup:
    """
    Take a backup; it has its name only when all of it is there.

    Args:
        project: What is kept.
        wanted: What else, and who can open it.
        shelf: The folder of all backups of the env.
        workspace: A private folder, through which the dump passes.
        workers: How many tables are dumped side by side.

    Returns:
        The backup.

    Raises:
        TargetError: The database cannot be dumped.
        BackupError: An object cannot be read.
        OSError: The disk is full.
    """
    began = datetime.now(UTC)
    name = f"{began:%Y%m%d-%H%M%S}-{began.microsecond // 1000:03}"
    shelf.mkdir(mode=0o700, parents=True, exist_ok=True)
    half = shelf / f".{name}"
    half.mkdir(mode=0o700)
    try:
        manifest = _taken(project, wanted, began, half, workspace, workers)
        write_whole(half / MANIFEST, written(manifest))
        half.rename(shelf / name)
    except BaseException:
        shutil.rmtree(half, ignore_errors=True)
        raise
    note("file", "back up", name, f"{len(manifest.files)} files")
    return Backup(shelf / name, manifest)


def project_id(project: Supabase, app: str) -> str:
    """
    Tell a project from any other.

    Args:
        project: The project.
        app: The app's name.

    Returns:
        A short hash of its address.
    """
    return hashlib.sha256(f"{app}\n{project.url}".encode()).hexdigest()[:16]


def _taken(
    project: Supabase, wanted: Wanted, began: datetime, half: Path, workspace: Path, workers: int
) -> Manifest:
    files: list[Kept] = []

    def keep(name: str, write: partial[None]) -> None:
        files.append(encrypt(half / name, wanted.recipients, write))

    with _looking(project) as connection:
        snapshot = snapshot_of(connection)
        connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_WAIT}'".encode())
        schemas, accounts = schemas_of(connection), accounts_of(connection)
        rows = digests(connection, schemas)
        listed = list_objects(connection)
        policies = policies_of_storage(connection)
        folder = workspace / "dump"
        dump_folder(project.database, schemas, folder, snapshot=snapshot, workers=workers)
        (folder / POLICIES).write_text(json.dumps(policies), encoding="utf-8")
        try:
            keep(DATABASE, partial(_tar, folder, sorted(p.name for p in folder.iterdir())))
        finally:
            shutil.rmtree(folder)
        if accounts:
            keep(ACCOUNTS, partial(dump_data, project.database, accounts, snapshot))
    found: dict[str, str] = {}
    if listed.buckets:
        keep(STORAGE, partial(_objects, project, listed, workspace, found))
    if wanted.configuration is not None and wanted.configuration.exists():
        keep(CONFIGURATION, partial(_copied, wanted.configuration))
    if wanted.evidence is not None:
        journals = [
            str(path.relative_to(wanted.evidence))
            for name in _JOURNALS
            for path in sorted(wanted.evidence.glob(f"*/{name}"))
            if not path.parent.is_symlink()
        ]
        keep(JOURNAL, partial(_tar, wanted.evidence, journals))
    return Manifest(
        app=wanted.app,
        env=wanted.env,
        project=project_id(project, wanted.app),
        taken_at=began.isoformat(timespec="seconds"),
        postgres_major=project.database.major,
        schemas=schemas,
        files=tuple(files),
        rows=rows,
        objects=found,
        buckets=len(listed.buckets),
    )


@contextmanager
def _looking(project: Supabase) -> Iterator[Connection]:
    import psycopg

    try:
        with project.database.connect() as connection:
            yield connection
    except psycopg.Error as error:
        raise TargetError(
            f"backup of {project.database.url_for_people}",
            problem=f"expected to read every table of it, seen {type(error).__name__}",
            where="deploy.toml, [backup]",
            remedy="end what holds a table, or let this role read it; see runbooks/backup.md",
        ) from None


def _objects(
    project: Supabase, listed: Objects, folder: Path, found: dict[str, str], sink: IO[bytes]
) -> None:
    found.update(write_objects(project, listed, folder, sink))


def _copied(path: Path, sink: IO[bytes]) -> None:
    with path.open("rb") as file:
        shutil.copyfileobj(file, sink)


def _tar(folder: Path, names: Sequence[str], sink: IO[bytes]) -> None:
    with tarfile.open(fileobj=sink, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for name in names:
            tar.add(folder / name, arcname=name)
