"""The project of an env, as its URL, keys and database name it: hosted, or started elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.config.configuration import PUBLIC_PREFIXES
from pytest_deploy.errors import ConfigError
from pytest_deploy.providers.postgres.external import parameters_of
from pytest_deploy.providers.postgres.named import database_of
from pytest_deploy.providers.supabase.base import Supabase
from pytest_deploy.providers.supabase.mistakes import Named, refuse_mistakes
from pytest_deploy.secrets import resolve

if TYPE_CHECKING:
    from pytest_deploy.config import Settings
    from pytest_deploy.secrets import Secret

_KEYS = ("url", "publishable_key", "secret_key")
_MAY_SHOW = "env:"


def project_of(settings: Settings, env: str) -> Supabase:
    """
    Look up the project of an env, and connect to its database once.

    Args:
        settings: The configuration.
        env: The env.

    Returns:
        The project.

    Raises:
        ConfigError: Its URL, a key or its database is not configured, a variable is not set, or
            what they hold cannot be right.
        TargetError: The database is unreachable, refuses us or is too old.
    """
    url, publishable, secret = (_setting(settings, env, name) for name in _KEYS)
    address, connection = url.reveal().rstrip("/"), settings.database_url(env)
    variables = settings.configuration
    named = Named(
        env,
        address,
        publishable,
        secret,
        parameters_of(connection),
        references=_references(settings, env),
        public_prefixes=variables.public_prefixes if variables else PUBLIC_PREFIXES,
    )
    refuse_mistakes(named)
    return Supabase(address, publishable, secret, database_of(env, connection))


def _references(settings: Settings, env: str) -> dict[str, str]:
    """Take what `deploy.toml` says of each, but for what is no name of a variable."""
    section = settings.environment(env)
    told = {key: getattr(section, key) for key in (*_KEYS, "database")}
    written = {key: value.reveal() for key, value in told.items() if value is not None}
    return {key: text for key, text in written.items() if text.startswith(_MAY_SHOW)}


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
