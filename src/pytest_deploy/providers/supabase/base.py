"""What a provider of Supabase hands out: database, REST, Auth and Storage of one project."""

from __future__ import annotations

from dataclasses import dataclass
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
