"""The folder of all backups of an env: which there are, whether they are whole, which may go."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_deploy.errors import BackupError
from pytest_deploy.recovery.manifest import Manifest, read
from pytest_deploy.recovery.sealed_file import sha256_of

if TYPE_CHECKING:
    from pathlib import Path

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
    whole = [one for one in on_shelf(shelf) if one.manifest and one.folder != newest.folder]
    gone = whole[max(keep - 1, 0) :]
    for one in gone:
        shutil.rmtree(one.folder)
    return tuple(one.folder.name for one in gone)


def _found(folder: Path) -> OnShelf:
    try:
        return OnShelf(folder, read(folder))
    except BackupError as error:
        return OnShelf(folder, None, error.problem)
