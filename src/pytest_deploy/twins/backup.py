"""Defects of a backup."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.twins.twin import NotApplicable, RedTwin

if TYPE_CHECKING:
    import pytest

    from pytest_deploy.transfer.backup import Backup


def _flipped(_request: pytest.FixtureRequest, backup: Backup | None) -> None:
    if backup is None or not backup.files:
        raise NotApplicable("nothing is backed up")
    path = backup.folder / backup.files[0].name
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def _lost(_request: pytest.FixtureRequest, backup: Backup | None) -> None:
    if backup is None or not backup.files:
        raise NotApplicable("nothing is backed up")
    (backup.folder / backup.files[-1].name).unlink()


BACKUP: tuple[RedTwin, ...] = (
    RedTwin("target_is_backed_up", "target_backed_up", _flipped, defect="flipped bit in a backup"),
    RedTwin("target_is_backed_up", "target_backed_up", _lost, defect="file of a backup lost"),
)
