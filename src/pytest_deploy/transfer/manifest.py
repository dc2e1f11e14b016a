"""What is uploaded: every file with its hash, its type, and where it goes to."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from pytest_deploy.errors import SourceError
from pytest_deploy.transfer.mime import HEAD_BYTES, mime_of
from pytest_deploy.transfer.object_keys import object_keys
from pytest_deploy.transfer.work import cores

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pytest_deploy.config.files import FilesSettings
    from pytest_deploy.transfer.uploads import UploadedFile

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, order=True)
class Entry:
    """
    One file.

    Args:
        path: Relative to the uploads folder, with `/` between.
        size_bytes: Its size.
        sha256: Of its content, in hex.
        mime: Its MIME type, by content.
        bucket: Where it goes.
        key: Under which name it is kept there; valid for hosted Storage, and unique.
    """

    path: str
    size_bytes: int
    sha256: str
    mime: str
    bucket: str
    key: str


@dataclass(frozen=True)
class Manifest:
    """
    All files of the uploads folder at the moment of the snapshot.

    Args:
        entries: Sorted by path.
    """

    entries: tuple[Entry, ...] = ()

    @property
    def by_path(self) -> dict[str, Entry]:
        """Every entry by its path."""
        return {entry.path: entry for entry in self.entries}


@dataclass(frozen=True, order=True)
class Place:
    """
    Where a file goes; known before anybody has read it.

    Args:
        bucket: The bucket; empty where none takes it.
        key: Its name there.
    """

    bucket: str
    key: str


def places_of(paths: Sequence[str], settings: FilesSettings) -> dict[str, Place]:
    """
    Say where files go.

    Args:
        paths: Relative to the uploads folder, with `/` between.
        settings: `[files]`.

    Returns:
        The place of each path.
    """
    keys = object_keys(paths)
    return {path: Place(_bucket(path, settings), keys[path]) for path in paths}


def manifest_of(
    folder: Path | None, uploads: Sequence[UploadedFile], settings: FilesSettings
) -> Manifest:
    """
    Read every file once.

    Args:
        folder: The uploads folder; None where the app has none.
        uploads: Its files at the moment of the snapshot.
        settings: `[files]`.

    Returns:
        The manifest.

    Raises:
        SourceError: A file is another one than at that moment, or cannot be read.
    """
    if folder is None:
        return Manifest()
    places = places_of([one.path for one in uploads], settings)

    def entry(number: int) -> Entry:
        return _entry(folder, uploads[number], places, number)

    with ThreadPoolExecutor(cores()) as threads:
        return Manifest(tuple(sorted(threads.map(entry, range(len(uploads))))))


def _bucket(path: str, settings: FilesSettings) -> str:
    for name, bucket in settings.buckets.items():
        if any(fnmatchcase(path, pattern) for pattern in bucket.paths):
            return name
    return ""


def _entry(folder: Path, uploaded: UploadedFile, places: Mapping[str, Place], number: int) -> Entry:
    path, digest, head, size = folder / uploaded.path, hashlib.sha256(), b"", 0
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                head = head or chunk[:HEAD_BYTES]
                size += len(chunk)
                digest.update(chunk)
        changed = size != uploaded.size_bytes or path.stat().st_mtime_ns != uploaded.mtime_ns
    except OSError as error:
        raise _unreadable(folder, number, error.strerror or "an error") from None
    if changed:
        raise _unreadable(folder, number, "another one than when the snapshot was taken")
    place = places[uploaded.path]
    mime = mime_of(head, uploaded.path)
    return Entry(uploaded.path, size, digest.hexdigest(), mime, place.bucket, place.key)


def _unreadable(folder: Path, number: int, seen: str) -> SourceError:
    # Not by its name: what people call their files is theirs.
    return SourceError(
        f"uploads {folder}",
        problem=f"expected every file to be read as it was listed, seen at file {number + 1}"
        f" in the order of paths: {seen}",
        where="deploy.toml, [source] uploads",
        remedy="freeze the app while it is deployed, or try again; see runbooks/files.md",
    )
