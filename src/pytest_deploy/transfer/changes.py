"""Which changes the configuration asks for, before the source is planned."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_deploy.config import Settings
    from pytest_deploy.transfer.adapting import Change
    from pytest_deploy.transfer.snapshot import Snapshot


def changes_of(settings: Settings, snapshot: Snapshot) -> tuple[Change, ...]:
    """
    List what is changed in the copy of the source.

    Args:
        settings: The configuration.
        snapshot: As the app wrote it, with the list of its uploads.

    Returns:
        In the order of doing; none for a database in place of the configured one.
    """
    del settings, snapshot
    return ()
