"""Defects of a backup, and of what comes back from it."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import IO, TYPE_CHECKING, Any

from pytest_deploy.files import write_whole
from pytest_deploy.recovery.manifest import MANIFEST, STORAGE, written
from pytest_deploy.recovery.sealed_file import decrypt, encrypt
from pytest_deploy.recovery.taking import Backup
from pytest_deploy.twins.twin import NotApplicable, RedTwin

if TYPE_CHECKING:
    import pytest

    from pytest_deploy.recovery.manifest import Manifest

_RESTORES, _BUDGET = "backup_restores", "recovery_is_within_budget"
_TAKEN = "rehearsed_backup"


def _there(backup: Backup | None) -> Backup:
    if backup is None or not backup.manifest.files:
        raise NotApplicable("nothing is backed up")
    return backup


def _flipped(_request: pytest.FixtureRequest, backup: Backup | None) -> None:
    path = _there(backup).folder / _there(backup).manifest.files[0].name
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def _cut_off(_request: pytest.FixtureRequest, backup: Backup | None) -> None:
    path = _there(backup).folder / _there(backup).manifest.files[0].name
    path.write_bytes(path.read_bytes()[:-100])


def _lost(_request: pytest.FixtureRequest, backup: Backup | None) -> None:
    (_there(backup).folder / _there(backup).manifest.files[-1].name).unlink()


def _said(backup: Backup, manifest: Manifest) -> Backup:
    write_whole(backup.folder / MANIFEST, written(manifest))
    return Backup(backup.folder, manifest)


def _foreign(_request: pytest.FixtureRequest, backup: Backup | None) -> Backup:
    found = _there(backup)
    return _said(found, replace(found.manifest, app="otra", project="0" * 16))


def _stale(_request: pytest.FixtureRequest, backup: Backup | None) -> Backup:
    found = _there(backup)
    then = (datetime.now(UTC) - timedelta(days=99)).isoformat(timespec="seconds")
    return _said(found, replace(found.manifest, taken_at=then))


def _object_missing(request: pytest.FixtureRequest, backup: Backup | None) -> Backup:
    """Write the objects without the last one, as nobody would who can count."""
    found, key = _there(backup), request.getfixturevalue("drill_key")
    if not found.manifest.objects:
        raise NotApplicable("no object is backed up")
    entries: list[tuple[tarfile.TarInfo, bytes]] = []

    def read(stream: IO[bytes]) -> None:
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            for entry in tar:
                content = tar.extractfile(entry)
                entries.append((entry, content.read() if content else b""))

    def write(sink: IO[bytes]) -> None:
        with tarfile.open(fileobj=sink, mode="w|", format=tarfile.PAX_FORMAT) as tar:
            for entry, content in entries[:-1]:
                tar.addfile(entry, io.BytesIO(content))

    path = found.folder / STORAGE
    decrypt(path, key.identity, read)
    kept = encrypt(path, (key.recipient,), write)
    files = tuple(kept if one.name == STORAGE else one for one in found.manifest.files)
    return _said(found, replace(found.manifest, files=files))


def _slow(_request: pytest.FixtureRequest, drill: Any) -> Any:  # noqa: ANN401 - any fixture's
    if drill is None:
        raise NotApplicable("nothing is backed up")
    return replace(drill, seconds={**drill.seconds, "database": 99_999.0})


BACKUP: tuple[RedTwin, ...] = (
    RedTwin("target_is_backed_up", "target_backed_up", _flipped, defect="flipped bit in a backup"),
    RedTwin("target_is_backed_up", "target_backed_up", _lost, defect="file of a backup lost"),
    RedTwin(_RESTORES, _TAKEN, _cut_off, defect="backup cut off"),
    RedTwin(_RESTORES, _TAKEN, _foreign, replaces=True, defect="backup of another project"),
    RedTwin(_RESTORES, _TAKEN, _object_missing, replaces=True, defect="object missing in a backup"),
    RedTwin(_BUDGET, _TAKEN, _stale, replaces=True, defect="stale backup"),
    RedTwin(_BUDGET, "drill", _slow, replaces=True, defect="RTO over its budget"),
)
