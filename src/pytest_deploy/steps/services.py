"""The steps that are not the database's alone, made for their way back alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_deploy.steps.create_users import CreateUsers, complete_users, undo_users
from pytest_deploy.steps.freeze_source import FreezeSource
from pytest_deploy.steps.switch_configuration import SwitchConfiguration
from pytest_deploy.steps.upload_files import UploadFiles, complete_uploads, undo_uploads

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_deploy.config import Settings
    from pytest_deploy.providers.supabase.base import Supabase
    from pytest_deploy.steps.ending import Service


@dataclass(frozen=True)
class WayBack:
    """
    The way back of one step, which the target knows by itself.

    Args:
        name: The step's name.
        project: The project.
        release: The release's id.
        undo: Takes it.
        give_up: Gives it up.
    """

    name: str
    project: Supabase
    release: str
    undo: Callable[[Supabase, str], None]
    give_up: Callable[[Supabase, str], None]

    def compensate(self) -> None:
        """Take it."""
        self.undo(self.project, self.release)

    def complete(self) -> None:
        """Give it up."""
        self.give_up(self.project, self.release)


def services_of(
    project: Supabase, release: str, variables: Path | None, settings: Settings | None = None
) -> tuple[Service, ...]:
    """
    List the steps of a release that are not the database's alone.

    Args:
        project: Where the release stands.
        release: Its id.
        variables: The app's file of variables; None where none is set.
        settings: The configuration, for [freeze]; None where the app was left alone.

    Returns:
        Their ways back.
    """
    switched = () if variables is None else (_switch(project, release, variables),)
    return (
        *switched,
        WayBack(CreateUsers.name, project, release, undo_users, complete_users),
        WayBack(UploadFiles.name, project, release, undo_uploads, complete_uploads),
        *_freezes(project, release, settings),
    )


def _freezes(
    project: Supabase, release: str, settings: Settings | None
) -> tuple[FreezeSource, ...]:
    if settings is None or settings.frozen is None:
        return ()
    return (FreezeSource(project, release, settings.frozen, settings.folder),)


def _switch(project: Supabase, release: str, variables: Path) -> SwitchConfiguration:
    return SwitchConfiguration(project, release, variables, {})
