"""A Postgres that runs already, named by its URL; we only make a database of our own there."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from pytest_deploy.providers.postgres import refusals
from pytest_deploy.providers.postgres.base import identify

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_deploy.providers.postgres.base import Server
    from pytest_deploy.secrets import Secret

SCHEMES = ("postgres://", "postgresql://")


@contextmanager
def serve(url: Secret, *, reason: str) -> Iterator[Server]:
    """
    Look at the server that a URL names; it is neither started nor stopped.

    Args:
        url: `postgresql://user:password@host:port/database?parameter=value`.
        reason: Why this one was chosen.

    Yields:
        The server.

    Raises:
        TargetError: It is no such URL, or the server is unreachable, refuses us or is too old.

    Source: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
    """
    yield look_at(url, reason=reason)


def look_at(url: Secret, *, reason: str) -> Server:
    """
    Look at the server that a URL names.

    Args:
        url: As `serve` takes it.
        reason: Why this one was chosen.

    Returns:
        The server; its admin database is the one that the URL names.

    Raises:
        TargetError: It is no such URL, or the server is unreachable, refuses us or is too old.
    """
    return identify(parameters_of(url), kind="url", reason=reason)


def parameters_of(given: Secret) -> dict[str, str]:
    """
    Take a URL apart; nothing is connected to.

    Args:
        given: As `serve` takes it.

    Returns:
        Parameters of libpq, by name.

    Raises:
        TargetError: It is no such URL.
    """
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    url = given.reveal()
    authority, _, rest = url.partition("://")[2].partition("/")
    # A password with a bare @ or / would end up in the host's name, and so in messages.
    if not url.startswith(SCHEMES) or authority.count("@") > 1 or "@" in rest:
        raise refusals.not_a_url()
    try:
        found = conninfo_to_dict(url)
        parameters = {key: str(value) for key, value in found.items() if value is not None}
        if not all(port.isdigit() for port in parameters.get("port", "5432").split(",")):
            raise refusals.not_a_url()
    except psycopg.ProgrammingError:
        raise refusals.not_a_url() from None
    return parameters
