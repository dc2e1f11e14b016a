"""Brings the files of Storage into a folder like the app's uploads folder."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_deploy.providers.supabase import storage
from pytest_deploy.transfer.manifest import Place, places_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from pytest_deploy.config.files import FilesSettings
    from pytest_deploy.providers.supabase.base import Supabase
    from pytest_deploy.providers.supabase.storage import Storage
    from pytest_deploy.transfer.manifest import Entry

_HASH_DIGITS = 10


@dataclass(frozen=True)
class FilesBack:
    """
    The files of a copy.

    Args:
        folder: Where they are.
        places: Where each of them is in Storage, by its path.
        digests: The SHA-256 of what Storage gave for those that were brought.
        added: Files that came.
        changed: Files with another content.
        removed: Files that went.
    """

    folder: Path
    places: Mapping[str, Place]
    digests: Mapping[str, str]
    added: int = 0
    changed: int = 0
    removed: int = 0


def files_back(
    project: Supabase,
    objects: Sequence[Place],
    entries: Sequence[Entry],
    settings: FilesSettings,
    folder: Path,
    only: Collection[Place] | None = None,
) -> FilesBack:
    """
    Bring every object to where the app would look for it.

    Args:
        project: Where they are.
        objects: What is there, of the buckets of `[files]`.
        entries: The uploads as they were when the app was deployed.
        settings: `[files]`.
        folder: Private and empty.
        only: Those that are brought; others count as what they were. None for all.

    Returns:
        What came, changed and went.
    """
    known = {Place(one.bucket, one.key): one for one in entries}
    places = {known[one].path: one for one in objects if one in known}
    for one in objects:
        if one not in known:
            places[path_of(one, places, settings)] = one
    before = {one.path: one.sha256 for one in entries}
    with storage.opened(project, settings.workers) as there:

        def bring(path: str) -> tuple[str, str]:
            return path, _brought(there, places[path], folder / path)

        with ThreadPoolExecutor(settings.workers) as threads:
            wanted = [path for path, one in places.items() if only is None or one in only]
            digests = dict(threads.map(bring, wanted))
    return FilesBack(
        folder,
        places,
        digests,
        added=len(places.keys() - before.keys()),
        changed=sum(before.get(path, told) != told for path, told in digests.items()),
        removed=len(before.keys() - places.keys()),
    )


def _brought(there: Storage, place: Place, path: Path) -> str:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    return there.download(place.bucket, place.key, path).sha256


def path_of(place: Place, taken: Mapping[str, Place], settings: FilesSettings) -> str:
    """
    Choose a path for a file that people have put into Storage.

    Args:
        place: Where it is.
        taken: The paths that other files have.
        settings: `[files]`.

    Returns:
        One that would lead to this place again, where there is such a one; never one outside of the
        folder.
    """
    folders = (pattern.partition("*")[0] for pattern in settings.buckets[place.bucket].paths)
    for path in (place.key, *(f"{folder}{place.key}" for folder in folders)):
        if _is_free(path, taken) and places_of([path], settings)[path] == place:
            return path
    path = f"{place.bucket}/{place.key}"
    return path if _is_free(path, taken) else f"{place.bucket}/{_hash(place.key)}"


def _is_free(path: str, taken: Mapping[str, Place]) -> bool:
    inside = all(part not in ("", ".", "..") for part in path.split("/")) and "\0" not in path
    return inside and path not in taken


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:_HASH_DIGITS]
