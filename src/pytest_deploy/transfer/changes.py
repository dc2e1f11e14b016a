"""Which changes the configuration asks for, before the source is planned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.transfer.accounts import AddAccounts, accounts_of
from pytest_deploy.transfer.manifest import places_of
from pytest_deploy.transfer.references import References
from pytest_deploy.transfer.rewriting import RewriteReferences

if TYPE_CHECKING:
    from pytest_deploy.config import Settings
    from pytest_deploy.config.files import FilesSettings
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
    changes: list[Change] = []
    files, users = settings.storage, settings.auth
    if files is not None and (files.columns or files.texts):
        changes.append(RewriteReferences(references_of(files, snapshot), files))
    if users is not None:
        accounts = accounts_of(snapshot, settings.app.name, users)
        changes.append(AddAccounts(settings.app.name, users, accounts))
    return tuple(changes)


def references_of(files: FilesSettings, snapshot: Snapshot) -> References:
    """
    Know the files of a snapshot by what refers to them.

    Args:
        files: `[files]`.
        snapshot: With the list of its uploads.

    Returns:
        What finds references to them.
    """
    return References(places_of([one.path for one in snapshot.uploads], files), files)
