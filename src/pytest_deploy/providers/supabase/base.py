"""What every provider of Supabase hands out: database, REST, Auth and Storage of one project."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pytest_deploy.providers.postgres.base import Target
    from pytest_deploy.secrets import Secret


@dataclass(frozen=True)
class Supabase:
    """
    A project.

    Args:
        env: The env that it is the target of.
        kind: `lite` for the local one that we start, `given` for one that runs already.
        url: Its address, without a slash at the end.
        publishable_key: The key of anonymous and signed-in users.
        secret_key: The key that sees everything.
        database: Its database.
    """

    env: str
    kind: Literal["lite", "given"]
    url: str
    publishable_key: Secret
    secret_key: Secret
    database: Target
