"""Whether REST, Auth and Storage of a project answer, and take its keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_deploy.providers.supabase.http import http_client
from pytest_deploy.retrying import retried

if TYPE_CHECKING:
    import httpx

    from pytest_deploy.providers.supabase.base import Supabase
    from pytest_deploy.secrets import Secret

_TIMEOUT_S = 10.0
_PAUSED = 540  # of a hosted project
_REFUSED = (401, 403)
_BUSY = frozenset({429, 502, 503, 504})
# Storage of the local stack looks at no key before it is asked for an object.
_AUTH, _REST, _STORAGE = "/auth/v1/settings", "/rest/v1/", "/storage/v1/bucket"


@dataclass(frozen=True)
class Reached:
    """
    One service, asked with one key.

    Args:
        service: Which, and whose key.
        problem: What is wrong, and what to do; empty where it answers.
    """

    service: str
    problem: str = ""


class _BusyError(Exception):
    """It answers that it cannot now."""


def reach(project: Supabase) -> tuple[Reached, ...]:
    """
    Ask every service, with the keys that a deployment uses.

    Args:
        project: The project.

    Returns:
        One for each question; what is busy or does not answer was asked several times.

    Source: https://supabase.com/docs/guides/api/api-keys
    """
    public, private = project.publishable_key, project.secret_key
    asked = (
        ("Auth, publishable key", _AUTH, public, "publishable_key"),
        ("Auth, secret key", _AUTH, private, "secret_key"),
        ("REST, secret key", _REST, private, "secret_key"),
        ("Storage, secret key", _STORAGE, private, "secret_key"),
    )
    with http_client(timeout_s=_TIMEOUT_S, url=project.url) as client:
        return tuple(
            Reached(service, _asked(client, service, path, key, name))
            for service, path, key, name in asked
        )


def _asked(client: httpx.Client, service: str, path: str, key: Secret, name: str) -> str:
    import httpx

    transient = (httpx.TransportError, _BusyError)
    try:
        status = retried(
            f"asking {service}",
            lambda: _status(client, path, key),
            is_transient=lambda error: isinstance(error, transient),
        )
    except httpx.TransportError as error:
        return (
            f"no answer at {path}, seen {type(error).__name__}: start the stack, or correct url;"
            " a hosted project that is paused must be restored first"
        )
    except _BusyError as error:
        return f"HTTP {error} at {path}, several times: wait, and look at the project's status page"
    if status == _PAUSED:
        return "the project is paused: restore it in its dashboard"
    if status in _REFUSED:
        return f"HTTP {status}: {name} is refused; it was revoked, or is of another project"
    return "" if status == httpx.codes.OK else f"HTTP {status} at {path}, expected 200"


def _status(client: httpx.Client, path: str, key: Secret) -> int:
    status = client.get(path, headers={"apikey": key.reveal()}).status_code
    if status in _BUSY:
        raise _BusyError(str(status))
    return status
