"""The steps on Storage and Auth, made for their way back alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_deploy.steps.create_users import CreateUsers, complete_users, undo_users
from pytest_deploy.steps.upload_files import UploadFiles, complete_uploads, undo_uploads

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_deploy.providers.supabase.base import Supabase


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


def services_of(project: Supabase, release: str) -> tuple[WayBack, ...]:
    """
    List the steps of a release that are not the database's alone.

    Args:
        project: Where the release stands.
        release: Its id.

    Returns:
        Their ways back.
    """
    return (
        WayBack(CreateUsers.name, project, release, undo_users, complete_users),
        WayBack(UploadFiles.name, project, release, undo_uploads, complete_uploads),
    )
