"""Where the backups of an env are: which there are, whether they are whole, which may go."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_deploy.errors import BackupError
from pytest_deploy.recovery.bucket import Bucket
from pytest_deploy.recovery.manifest import MANIFEST, Manifest, not_whole, parsed, read
from pytest_deploy.recovery.sealed_file import sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pytest_deploy.config.backup import BackupSettings
    from pytest_deploy.recovery.taking import Backup


@dataclass(frozen=True)
class OnShelf:
    """
    A backup as it is found.

    Args:
        folder: Where it is.
        manifest: What it says of itself; None where it says nothing that counts.
        problem: Why not.
    """

    folder: Path
    manifest: Manifest | None
    problem: str = ""


@dataclass(frozen=True)
class Shelf:
    """
    Where the backups of an env are.

    Args:
        folder: On this machine.
        bucket: Where they are kept, and the folder has copies; None where the folder is all.
    """

    folder: Path
    bucket: Bucket | None = None

    def found(self) -> tuple[OnShelf, ...]:
        """
        List backups, the newest first.

        Returns:
            Those in the bucket, where there is one: one that never got there helps nobody whose
            machine is gone.

        Raises:
            BackupError: The bucket does not answer.
        """
        return tuple(self._in_bucket(self.bucket)) if self.bucket else on_shelf(self.folder)

    def keep(self, newest: Backup, most: int) -> tuple[str, ...]:
        """
        Send a backup to where it is kept, and let the oldest go.

        Args:
            newest: The one that was taken now, in the folder.
            most: How many stay.

        Returns:
            The names of those that are gone.

        Raises:
            BackupError: It cannot be sent, or the bucket does not answer.
        """
        gone = set()
        if self.bucket:
            self.bucket.send(newest.folder)
            there = self.bucket.names()
            whole = (one.folder.name for one in self.found() if one.manifest)
            for name in _too_many(whole, most, newest):
                self.bucket.remove(name, there[name])
                gone.add(name)
        return tuple(sorted(gone.union(retain(self.folder, most, newest))))

    def brought(self, name: str) -> Path:
        """
        Have a backup here, as it is kept.

        Args:
            name: Of the backup.

        Returns:
            Its folder.

        Raises:
            BackupError: There is no such backup, it is half written, or the bucket does not answer.
            OSError: The disk is full.
        """
        folder = self.folder / name
        if self.bucket is None:
            return folder
        files = self.bucket.names().get(name, frozenset())
        if MANIFEST not in files:
            raise not_whole(folder)
        content = self.bucket.manifest(name)
        manifest = parsed(folder, content)
        told = folder / MANIFEST
        same = told.is_file() and told.read_bytes() == content
        if not same or problems_of(folder, manifest):
            self.bucket.fetch(name, files, self.folder)
        return folder

    def _in_bucket(self, bucket: Bucket) -> Iterator[OnShelf]:
        for name, files in sorted(bucket.names().items(), reverse=True):
            folder = self.folder / name
            content = bucket.manifest(name) if MANIFEST in files else None
            try:
                if content is None:
                    raise not_whole(folder)
                yield OnShelf(folder, parsed(folder, content))
            except BackupError as error:
                yield OnShelf(folder, None, error.problem)


def shelf_of(settings: BackupSettings | None, evidence: Path, env: str) -> Shelf:
    """
    Say where the backups of an env are.

    Args:
        settings: `[backup]`; None where nothing is backed up.
        evidence: The folder of all runs.
        env: The env.

    Returns:
        The shelf.
    """
    folder = (settings and settings.folder) or evidence / "backups"
    bucket = settings and settings.bucket
    return Shelf(folder / env, Bucket(bucket, env) if bucket else None)


def on_shelf(shelf: Path) -> tuple[OnShelf, ...]:
    """
    List backups, the newest first.

    Args:
        shelf: The folder of all backups of an env.

    Returns:
        All of them, those among them that are half written or damaged.
    """
    if not shelf.is_dir():
        return ()
    folders = sorted(
        (path for path in shelf.iterdir() if path.is_dir()),
        key=lambda path: path.name.lstrip("."),
        reverse=True,
    )
    return tuple(map(_found, folders))


def problems_of(folder: Path, manifest: Manifest, *, project: str = "") -> tuple[str, ...]:
    """
    Compare the files of a backup with what it says of them.

    Args:
        folder: Of the backup.
        manifest: What it says.
        project: Of which project it has to be; empty for any.

    Returns:
        One problem for each file that is missing, cut off or another one, and for a backup of
        another project.
    """
    found = []
    if project and manifest.project != project:
        found.append(
            f"expected a backup of project {project}, seen one of {manifest.project}"
            f" ({manifest.app}, {manifest.env})"
        )
    for kept in manifest.files:
        path = folder / kept.name
        if not path.is_file():
            found.append(f"{kept.name}: missing")
        elif (size := path.stat().st_size) < kept.size_bytes:
            found.append(f"{kept.name}: cut off, {size:,} of {kept.size_bytes:,} bytes are there")
        elif sha256_of(path) != kept.sha256:
            found.append(f"{kept.name}: corrupt, it is not the one that was written")
    return tuple(found)


def retain(shelf: Path, keep: int, newest: Backup) -> tuple[str, ...]:
    """
    Let the oldest backups go; the one that was taken now, and damaged ones, stay.

    Args:
        shelf: The folder of all backups of an env.
        keep: How many stay.
        newest: The one that was taken now.

    Returns:
        The names of those that are gone.
    """
    whole = (one.folder.name for one in on_shelf(shelf) if one.manifest)
    gone = _too_many(whole, keep, newest)
    for name in gone:
        shutil.rmtree(shelf / name)
    return gone


def _too_many(whole: Iterable[str], most: int, newest: Backup) -> tuple[str, ...]:
    others = sorted((name for name in whole if name != newest.folder.name), reverse=True)
    return tuple(others[max(most - 1, 0) :])


def _found(folder: Path) -> OnShelf:
    try:
        return OnShelf(folder, read(folder))
    except BackupError as error:
        return OnShelf(folder, None, error.problem)
