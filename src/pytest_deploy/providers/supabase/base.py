"""What a provider of Supabase hands out: database, REST, Auth and Storage of one project."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_deploy.providers.postgres.base import Target
    from pytest_deploy.secrets import Secret


@dataclass(frozen=True)
class Supabase:
    """
    A project.

    Args:
        url: Its address, without a slash at the end.
        publishable_key: The key of anonymous and signed-in users.
        secret_key: The key that sees everything.
        database: Its database.
    """

    url: str
    publishable_key: Secret
    secret_key: Secret
    database: Target


def of_run(project: Supabase, run: str) -> Supabase:
    """
    Let a run have a project: what is changed there asks whether it is its turn.

    Args:
        project: The project.
        run: The run's id.

    Returns:
        The same project.
    """
    return replace(project, database=replace(project.database, run=run))
