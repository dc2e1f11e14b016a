"""Brings a backup into an empty project, and proves that what is there then is what was kept."""

from __future__ import annotations

import json
import tarfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import IO, TYPE_CHECKING

from pytest_deploy.audit.log import note
from pytest_deploy.errors import BackupError
from pytest_deploy.providers.postgres.dump import restore_data, restore_folder
from pytest_deploy.providers.supabase import storage
from pytest_deploy.recovery.content import digests, schemas_of
from pytest_deploy.recovery.manifest import ACCOUNTS, DATABASE, STORAGE
from pytest_deploy.recovery.objects import list_objects, put_back, read_objects
from pytest_deploy.recovery.sealed_file import decrypt
from pytest_deploy.recovery.shelf import problems_of
from pytest_deploy.recovery.taking import POLICIES
from pytest_deploy.schema.identifiers import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_deploy.providers.supabase.base import Supabase
    from pytest_deploy.recovery.manifest import Manifest
    from pytest_deploy.recovery.taking import Backup
    from pytest_deploy.secrets import Secret


@dataclass
class Restored:
    """
    What came of it.

    Args:
        seconds: How long each phase took.
        problems: What is not what was kept; empty where all of it is.
        tables: How many were compared.
        objects: How many were compared.
        signed_in: The status with which a user signed in there; 0 where nobody has tried.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    tables: int = 0
    objects: int = 0
    signed_in: int = 0

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """
        Measure a phase.

        Args:
            name: What is done.
        """
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began


def restore(
    backup: Backup,
    identity: Secret,
    into: Supabase,
    workspace: Path,
    *,
    workers: int = 2,
    project: str = "",
) -> Restored:
    """
    Bring a backup back.

    Args:
        backup: The backup.
        identity: A private key of age.
        into: An empty project.
        workspace: A private folder, through which the dump passes.
        workers: How many tables are restored side by side.
        project: Of which project it has to be; empty for any.

    Returns:
        How long it took, and whether all of it is there.

    Raises:
        BackupError: It is corrupt, cut off, of another project, or does not open.
        TargetError: Postgres or Storage refuses it.
    """
    told, manifest = Restored(), backup.manifest
    names = {kept.name for kept in manifest.files}
    with told.phase("check"):
        found = problems_of(backup.folder, manifest, project=project)
        if found:
            raise _not_whole(backup, found)
    with told.phase("database"):
        folder = workspace / "restored"
        folder.mkdir(mode=0o700)
        decrypt(backup.folder / DATABASE, identity, partial(_untar, folder))
        policies = json.loads((folder / POLICIES).read_text(encoding="utf-8"))
        (folder / POLICIES).unlink()
        _clear(into, manifest.schemas)
        restore_folder(into.database, folder, workers=workers)
        with into.database.connect() as connection:
            for statement in policies:
                connection.execute(statement.encode())
    if ACCOUNTS in names:
        with told.phase("accounts"):
            decrypt(backup.folder / ACCOUNTS, identity, partial(restore_data, into.database))
    if STORAGE in names:
        with told.phase("files"):
            decrypt(backup.folder / STORAGE, identity, partial(_put_back, into, workspace))
    with told.phase("proof"):
        _compare(manifest, into, told)
    note("database", "restore", into.database.database, f"{len(told.problems)} problems")
    return told


def _clear(into: Supabase, schemas: tuple[str, ...]) -> None:
    """Drop what a new project has of these schemas; a project with rows in them is not empty."""
    with into.database.connect() as connection:
        there = set(schemas_of(connection)) & set(schemas)
        rows = digests(connection, tuple(sorted(there)))
        full = [name for name, told in rows.items() if not told.startswith("0 ")]
        if full:
            raise _not_empty(into, full)
        for schema in sorted(there - {"public"}):
            connection.execute(f"DROP SCHEMA {quoted(schema)} CASCADE".encode())


def _not_empty(into: Supabase, tables: list[str]) -> BackupError:
    return BackupError(
        "restoring a backup",
        problem=f"expected an empty project, seen rows in {', '.join(tables)}",
        where=into.database.url_for_people,
        remedy="restore into a new project, or take what stands there away on purpose;"
        " see runbooks/backup.md",
    )


def _compare(manifest: Manifest, into: Supabase, told: Restored) -> None:
    with into.database.connect() as connection:
        rows = digests(connection, manifest.schemas)
        listed = list_objects(connection)
    problems = [
        f"{name}: {_seen(name, manifest.rows, rows)}"
        for name in sorted(manifest.rows.keys() | rows.keys())
        if manifest.rows.get(name) != rows.get(name)
    ]
    with storage.opened(into, 1) as there:
        seen = {
            f"objects/{number:08}": there.fetch(one.bucket, one.key).sha256
            for number, one in enumerate(listed.objects)
        }
    problems += [
        f"{name}: {'another one' if name in seen else 'missing'}"
        for name, sha256 in sorted(manifest.objects.items())
        if seen.get(name) != sha256
    ]
    if len(listed.buckets) != manifest.buckets:
        problems.append(f"{manifest.buckets} buckets were kept, {len(listed.buckets)} are there")
    told.problems = tuple(problems)
    told.tables, told.objects = len(manifest.rows), len(manifest.objects)


def _seen(name: str, kept: object, there: object) -> str:
    one, other = ((side.get(name) or "none").split()[0] for side in (kept, there))  # type: ignore[attr-defined]
    if one == other:
        return f"{one} rows, and not the same ones"
    return f"{one} rows were kept, {other} are there"


def _put_back(into: Supabase, folder: Path, stream: IO[bytes]) -> None:
    put_back(into, read_objects(stream, folder))


def _untar(folder: Path, stream: IO[bytes]) -> None:
    with tarfile.open(fileobj=stream, mode="r|") as tar:
        tar.extractall(folder, filter="data")


def _not_whole(backup: Backup, problems: tuple[str, ...]) -> BackupError:
    return BackupError(
        f"backup {backup.folder.name}",
        problem="; ".join(problems),
        where=str(backup.folder.parent),
        remedy="take the one before it: python -m pytest_deploy backup list;"
        " see runbooks/backup.md",
    )
