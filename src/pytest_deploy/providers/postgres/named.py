"""The database of an env, as its URL names it: nothing is made there, nothing dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.errors import TargetError
from pytest_deploy.providers.postgres.base import Target
from pytest_deploy.providers.postgres.external import look_at

if TYPE_CHECKING:
    from pytest_deploy.secrets import Secret


def database_of(env: str, url: Secret) -> Target:
    """
    Look at the database of an env.

    Args:
        env: Its name, for messages.
        url: `postgresql://user:password@host:port/database?parameter=value`.

    Returns:
        The database.

    Raises:
        TargetError: It is no such URL, or the server is unreachable, refuses us or is too old.
    """
    try:
        server = look_at(url, reason=f"env {env}")
    except TargetError as error:
        raise TargetError(
            error.subject,
            problem=error.problem,
            where=f"deploy.toml, [env.{env}] database",
            remedy=error.remedy,
        ) from None
    return Target(server, server.admin_database, server.major)
