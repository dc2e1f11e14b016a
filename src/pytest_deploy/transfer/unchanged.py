"""Has the source changed since its snapshot: the database by its pages, uploads by their stamps."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pytest_deploy.transfer.snapshot import take
from pytest_deploy.transfer.uploads import list_uploads

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_deploy.transfer.snapshot import Snapshot
    from pytest_deploy.transfer.uploads import UploadedFile

_HEADER_BYTES = 100
# Counters of the file format: they differ where a journal was folded in, and no row did.
# Source: https://www.sqlite.org/fileformat2.html#the_database_header
_COUNTERS = (slice(18, 20), slice(24, 28), slice(92, 100))


def changes_since(
    snapshot: Snapshot, database: Path, uploads: Path | None, folder: Path
) -> tuple[str, ...]:
    """
    Look at the source once more.

    Args:
        snapshot: As it was.
        database: The original; it is only ever read.
        uploads: The uploads folder; None where the app has none.
        folder: A private folder for a second copy.

    Returns:
        What is another one by now, without names of files; empty where nothing is.

    Raises:
        SourceError: The source cannot be read any more.
        SnapshotError: It is locked, or there is no room for the copy.
    """
    found = []
    now = take(database, folder, uploads=uploads)
    try:
        if now.fingerprint != snapshot.fingerprint and _rows(now.path) != _rows(snapshot.path):
            found.append("the database: somebody has written to it")
    finally:
        now.path.unlink()
    found += _of_uploads(snapshot.uploads, list_uploads(uploads))
    return tuple(found)


def _rows(path: Path) -> str:
    """Hash all pages, but for the counters in the first one."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        header = bytearray(file.read(_HEADER_BYTES))
        for counter in _COUNTERS:
            header[counter] = bytes(counter.stop - counter.start)
        digest.update(header)
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _of_uploads(before: tuple[UploadedFile, ...], now: tuple[UploadedFile, ...]) -> list[str]:
    then, here = ({one.path: one for one in files} for files in (before, now))
    counts = {
        "new": len(here.keys() - then.keys()),
        "gone": len(then.keys() - here.keys()),
        "written again": sum(then[path] != here[path] for path in then.keys() & here.keys()),
    }
    told = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
    return [f"the uploads: {told}"] if told else []
