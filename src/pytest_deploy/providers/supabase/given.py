"""The project of an env, as its URL, keys and database name it: hosted, or started elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.errors import ConfigError
from pytest_deploy.providers.postgres.named import database_of
from pytest_deploy.providers.supabase.base import Supabase
from pytest_deploy.secrets import resolve

if TYPE_CHECKING:
    from pytest_deploy.config import Settings
    from pytest_deploy.secrets import Secret

_KEYS = ("url", "publishable_key", "secret_key")


def project_of(settings: Settings, env: str) -> Supabase:
    """
    Look up the project of an env, and connect to its database once.

    Args:
        settings: The configuration.
        env: The env.

    Returns:
        The project.

    Raises:
        ConfigError: Its URL, a key or its database is not configured, or a variable is not set.
        TargetError: The database is unreachable, refuses us or is too old.
    """
    url, publishable, secret = (_setting(settings, env, name) for name in _KEYS)
    database = database_of(env, settings.database_url(env))
    return Supabase(url.reveal().rstrip("/"), publishable, secret, database)


def _setting(settings: Settings, env: str, name: str) -> Secret:
    where = f"deploy.toml, [env.{env}] {name}"
    found: Secret | None = getattr(settings.environment(env), name)
    if found is None:
        raise ConfigError(
            f"env {env!r}",
            problem=f"expected the {name} of its Supabase project, seen none",
            where=where,
            remedy=f'add {name} = "env:NAME" and export that variable',
        )
    return resolve(found.reveal(), where=where)
