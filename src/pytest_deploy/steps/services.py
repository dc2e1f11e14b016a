"""The steps on Storage and Auth, made for their way back alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_deploy.providers.supabase.base import Supabase
    from pytest_deploy.steps.ending import Service


def services_of(project: Supabase, release: str) -> tuple[Service, ...]:
    """
    Make the steps of a release that are not the database's alone.

    Args:
        project: Where the release stands.
        release: Its id.

    Returns:
        Steps that can undo themselves, and be made complete, by what the target knows.
    """
    del project, release
    return ()
