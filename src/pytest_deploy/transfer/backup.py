"""Keeps what stands on a target before it is changed: encrypted on the way, never in the clear."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING

from pytest_deploy.files import write_whole
from pytest_deploy.providers.postgres.dump import dumped

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_deploy.providers.postgres.base import Target

FOLDER = "backup"
MANIFEST = "backup.json"
_DATABASE, _CONFIGURATION = "database.dump.age", "configuration.age"


@dataclass(frozen=True)
class Kept:
    """
    One file of a backup.

    Args:
        name: In its folder.
        size_bytes: Its size, encrypted.
        sha256: Of the encrypted file, in hex.
    """

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Backup:
    """
    A backup.

    Args:
        folder: Where it is.
        taken_at: When, in UTC, ISO 8601.
        schemas: What of the database it holds.
        files: Its files.
    """

    folder: Path
    taken_at: str
    schemas: tuple[str, ...]
    files: tuple[Kept, ...]


def back_up(
    target: Target,
    schemas: Sequence[str],
    configuration: Path | None,
    release: Path,
    recipients: Sequence[str],
) -> Backup:
    """
    Take a backup.

    Args:
        target: The database; only schemas that are there are dumped.
        schemas: The app's, and the ledger's.
        configuration: The app's file of variables; None where none is set.
        release: The release's folder.
        recipients: Public keys of age.

    Returns:
        The backup; its manifest lies beside it.

    Raises:
        TargetError: The database cannot be dumped.

    Source: https://age-encryption.org/v1
    """
    folder = release / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    there, files = _there(target, schemas), []
    if there:
        with dumped(target, there) as stream:
            files.append(_encrypted(stream, folder / _DATABASE, recipients))
    if configuration is not None and configuration.exists():
        with configuration.open("rb") as stream:
            files.append(_encrypted(stream, folder / _CONFIGURATION, recipients))
    taken_at = datetime.now(UTC).isoformat(timespec="seconds")
    backup = Backup(folder, taken_at, there, tuple(files))
    told = {key: value for key, value in asdict(backup).items() if key != "folder"}
    write_whole(folder / MANIFEST, json.dumps(told, indent=2) + "\n")
    return backup


def sha256_of(path: Path) -> str:
    """
    Hash a file.

    Args:
        path: The file.

    Returns:
        Its SHA-256, in hex; empty where it is not there.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""


def _there(target: Target, schemas: Sequence[str]) -> tuple[str, ...]:
    with target.connect() as connection:
        rows = connection.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname = ANY(%s) ORDER BY 1", (list(schemas),)
        ).fetchall()
    return tuple(row[0] for row in rows)


def _encrypted(stream: IO[bytes], path: Path, recipients: Sequence[str]) -> Kept:
    import pyrage

    keys = [pyrage.x25519.Recipient.from_str(one) for one in recipients]
    path.touch(mode=0o600)
    with path.open("wb") as file:
        hashing = _Hashing(file)
        pyrage.encrypt_io(stream, hashing, keys)
    return Kept(path.name, path.stat().st_size, hashing.sha256.hexdigest())


class _Hashing:
    """Hashes what is written, and not what a disk has made of it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.sha256.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()
