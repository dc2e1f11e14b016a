"""Auth of a project: its Admin API where it has one, and signing in as anybody does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_deploy.errors import TargetError
from pytest_deploy.providers.supabase.storage import headers_of
from pytest_deploy.retrying import retried

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping

    import httpx

    from pytest_deploy.providers.supabase.base import Supabase

_OK = 200
_TOO_MANY, _SERVERS = 429, 500
_TAKEN = 422
_NOT_FOUND = 404


class AccountTakenError(Exception):
    """There is an account of that id or address."""


@dataclass(frozen=True, repr=False)
class Account:
    """
    One user; it shows nothing of itself.

    Args:
        id: In Auth.
        email: Normalised.
        password_hash: As the app has it.
        metadata: For the app metadata.
    """

    id: uuid.UUID
    email: str
    password_hash: str
    metadata: Mapping[str, str | int | float | None]


@dataclass(frozen=True, repr=False)
class SignedIn:
    """
    A session.

    Args:
        user: The id of who signed in; empty where it was refused.
        token: What REST and Storage are asked with.
        status: The HTTP status.
    """

    user: str
    token: str
    status: int


class Admin:
    """
    The Auth Admin API.

    Args:
        project: The project.
        http: Keeps connections open; used by several threads at once.

    Source: https://github.com/supabase/auth/blob/master/openapi.yaml
    """

    def __init__(self, project: Supabase, http: httpx.Client) -> None:
        self._url = f"{project.url}/auth/v1/admin/users"
        self._http = http
        self._headers = headers_of(project.secret_key.reveal())

    def is_there(self) -> bool:
        """
        Look whether the project has it: Supabase Lite has not.

        Returns:
            Whether it answers to the secret key.
        """
        return self._ask("GET", "?page=1&per_page=1").status_code == _OK

    def create(self, account: Account) -> None:
        """
        Make an account.

        Args:
            account: The user; the hash is kept as it is.

        Raises:
            AccountTakenError: There is one of that id or address.
            TargetError: Auth refuses.
        """
        told = {
            "id": str(account.id),
            "email": account.email,
            "password_hash": account.password_hash,
            "email_confirm": True,
            "app_metadata": dict(account.metadata),
        }
        status = self._ask("POST", "", json=told).status_code
        if status == _TAKEN:
            raise AccountTakenError
        if status != _OK:
            raise _refused("to make an account", status)

    def remove(self, account: str) -> None:
        """
        Remove an account; one that is not there does no harm.

        Args:
            account: Its id.

        Raises:
            TargetError: Auth refuses.
        """
        status = self._ask("DELETE", f"/{account}").status_code
        if status not in (_OK, _NOT_FOUND):
            raise _refused("to remove an account", status)

    def _ask(self, method: str, path: str, **told: Any) -> httpx.Response:  # noqa: ANN401 - JSON
        def ask() -> httpx.Response:
            answer = self._http.request(method, self._url + path, headers=self._headers, **told)
            if answer.status_code == _TOO_MANY or answer.status_code >= _SERVERS:
                answer.raise_for_status()
            return answer

        return retried(f"{method} admin/users", ask, is_transient=_is_transient)


def sign_in(http: httpx.Client, project: Supabase, email: str, password: str) -> SignedIn:
    """
    Sign in as anybody does: with the publishable key, an address and a password.

    Args:
        http: The client.
        project: The project.
        email: The address.
        password: The password.

    Returns:
        The session; of a refusal its status.
    """
    answer = http.post(
        f"{project.url}/auth/v1/token?grant_type=password",
        headers={"apikey": project.publishable_key.reveal()},
        json={"email": email, "password": password},
    )
    if answer.status_code != _OK:
        return SignedIn("", "", answer.status_code)
    told = answer.json()
    return SignedIn(str(told["user"]["id"]), str(told["access_token"]), _OK)


def _is_transient(error: BaseException) -> bool:
    import httpx

    return isinstance(error, (httpx.HTTPStatusError, httpx.TransportError))


def _refused(what: str, status: int) -> TargetError:
    return TargetError(
        "Auth of the project",
        problem=f"expected it {what}, seen status {status}",
        where="deploy.toml, [env.NAME] url and secret_key",
        remedy="see runbooks/users.md",
    )
