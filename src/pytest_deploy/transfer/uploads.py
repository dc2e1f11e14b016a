"""Lists the uploads folder, as it is at one moment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_deploy.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, order=True)
class UploadedFile:
    """
    One file.

    Args:
        path: Relative to the folder, with `/` between.
        size_bytes: Its size.
        mtime_ns: When it was last written, in nanoseconds since 1970.
    """

    path: str
    size_bytes: int
    mtime_ns: int


def list_uploads(folder: Path | None) -> tuple[UploadedFile, ...]:
    """
    List all files of a folder and of those below it; symbolic links are not followed.

    Args:
        folder: The uploads folder; None where the app has none.

    Returns:
        Its files, sorted by path.

    Raises:
        SourceError: There is no such folder, or it may not be read.
    """
    if folder is None:
        return ()
    try:
        return tuple(sorted(_files(folder, "")))
    except OSError as error:
        raise _unreadable(folder, error) from None


def _files(folder: str | Path, prefix: str) -> Iterator[UploadedFile]:
    with os.scandir(folder) as entries:
        for entry in entries:
            path = prefix + entry.name
            if entry.is_dir(follow_symlinks=False):
                yield from _files(entry.path, f"{path}/")
            elif entry.is_file(follow_symlinks=False):
                found = entry.stat(follow_symlinks=False)
                yield UploadedFile(path, found.st_size, found.st_mtime_ns)


def others_among(folder: Path | None) -> tuple[str, ...]:
    """
    Say what else lies among uploads: nobody follows it, and nobody sends it.

    Args:
        folder: The uploads folder; None where the app has none.

    Returns:
        For each symbolic link, socket, pipe or device what it is.

    Raises:
        SourceError: The folder may not be read.
    """
    if folder is None:
        return ()
    try:
        return tuple(sorted(_others(folder)))
    except OSError as error:
        raise _unreadable(folder, error) from None


def _others(folder: str | Path) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink():
                yield "symbolic link"
            elif entry.is_dir(follow_symlinks=False):
                yield from _others(entry.path)
            elif not entry.is_file(follow_symlinks=False):
                yield "socket, pipe or device"


def _unreadable(folder: Path, error: OSError) -> SourceError:
    return SourceError(
        f"uploads {folder}",
        problem=f"expected a folder that can be read, seen: {error.strerror}",
        where="deploy.toml, [source] uploads",
        remedy="correct the path, or leave the key out if the app has no uploads",
    )
