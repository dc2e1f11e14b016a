"""What a backup says of itself: what is in it, of which project, from when."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pytest_deploy.errors import BackupError
from pytest_deploy.recovery.sealed_file import Kept

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MANIFEST = "backup.json"
DATABASE, ACCOUNTS, STORAGE = "database.tar.age", "accounts.dump.age", "storage.tar.age"
CONFIGURATION, JOURNAL = "configuration.age", "journal.tar.age"
FILES = frozenset({MANIFEST, DATABASE, ACCOUNTS, STORAGE, CONFIGURATION, JOURNAL})
FORMAT = 1
_RUNBOOK = "runbooks/backup.md"


@dataclass(frozen=True)
class Manifest:
    """
    What is in a backup.

    Args:
        app: The app's name.
        env: The env's.
        project: Of which project it is, as a hash.
        taken_at: When, in UTC, ISO 8601.
        postgres_major: Of the server.
        schemas: What of the database it holds.
        files: Its files.
        rows: A digest of each table.
        objects: The SHA-256 of each object, by the number of its entry.
        buckets: How many there are.
    """

    app: str
    env: str
    project: str
    taken_at: str
    postgres_major: int
    schemas: tuple[str, ...]
    files: tuple[Kept, ...]
    rows: Mapping[str, str] = field(default_factory=dict)
    objects: Mapping[str, str] = field(default_factory=dict)
    buckets: int = 0

    @property
    def size_bytes(self) -> int:
        """The size of all files, encrypted."""
        return sum(one.size_bytes for one in self.files)

    @property
    def age(self) -> timedelta:
        """How long ago it was taken."""
        return datetime.now(UTC) - datetime.fromisoformat(self.taken_at)


def written(manifest: Manifest) -> str:
    """
    Write a manifest, with a digest of itself.

    Args:
        manifest: The manifest.

    Returns:
        JSON.
    """
    told = {"format": FORMAT, **asdict(manifest)}
    return json.dumps({**told, "digest": _digest(told)}, indent=2) + "\n"


def read(folder: Path) -> Manifest:
    """
    Read the manifest of a backup.

    Args:
        folder: Of the backup.

    Returns:
        What it says.

    Raises:
        BackupError: It is half written, damaged, or of a later version.
    """
    if folder.name.startswith("."):
        raise _refused(folder, "expected a whole backup, seen one that is half written")
    try:
        content = (folder / MANIFEST).read_bytes()
    except FileNotFoundError:
        raise not_whole(folder) from None
    except OSError:
        content = b""
    return parsed(folder, content)


def parsed(folder: Path, content: bytes) -> Manifest:
    """
    Parse the manifest of a backup.

    Args:
        folder: Where the backup is or would be, for errors.
        content: Of its `backup.json`.

    Returns:
        What it says.

    Raises:
        BackupError: It is damaged, or of a later version.
    """
    try:
        told = json.loads(content)
        digest, version = told.pop("digest"), told.pop("format")
    except (ValueError, KeyError, AttributeError):
        raise _refused(folder, f"expected {MANIFEST} as it was written, seen it damaged") from None
    if version != FORMAT:
        raise _refused(folder, f"expected format {FORMAT}, seen {version}: of another release")
    if digest != _digest({"format": version, **told}):
        raise _refused(folder, f"expected {MANIFEST} as it was written, seen it changed")
    return _manifest(told)


def not_whole(folder: Path) -> BackupError:
    """
    Say that a backup has no manifest.

    Args:
        folder: Where it is or would be.

    Returns:
        The error to raise.
    """
    return _refused(folder, f"expected a whole backup, seen one without {MANIFEST}")


def _manifest(told: dict[str, Any]) -> Manifest:
    files = tuple(Kept(**one) for one in told.pop("files"))
    return Manifest(schemas=tuple(told.pop("schemas")), files=files, **told)


def _digest(told: Mapping[str, Any]) -> str:
    text = json.dumps(told, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _refused(folder: Path, problem: str) -> BackupError:
    return BackupError(
        f"backup {folder.name}",
        problem=problem,
        where=str(folder.parent),
        remedy=f"take the one before it, and find out what happened to this one; see {_RUNBOOK}",
    )
