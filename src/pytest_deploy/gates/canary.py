"""An account that exists for a gate alone: it signs in, looks around, and is gone again."""

from __future__ import annotations

import secrets
import uuid
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_deploy.providers.supabase.accounts import delete, existing
from pytest_deploy.providers.supabase.auth import Account, sign_in
from pytest_deploy.providers.supabase.http import http_client
from pytest_deploy.providers.supabase.rest import ask
from pytest_deploy.providers.supabase.storage import address, fetch
from pytest_deploy.secrets import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    import httpx

    from pytest_deploy.providers.supabase.auth import SignedIn
    from pytest_deploy.providers.supabase.base import Supabase
    from pytest_deploy.providers.supabase.rest import Answer
    from pytest_deploy.providers.supabase.storage import Fetched
    from pytest_deploy.transfer.manifest import Entry

_TIMEOUT_S = 30.0
_COST = 4  # it lives for seconds, and its password is of 256 random bits
_DOMAIN = "canary.pytest-deploy.invalid"
_RUN = f"{secrets.token_hex(4)}-"  # whose canaries are in use
_LEFT = f"""
SELECT id::text FROM auth.users
WHERE email LIKE '%%@{_DOMAIN}' AND (%(but)s = '' OR NOT starts_with(email, %(but)s))
"""


@dataclass(frozen=True)
class Seen:
    """
    What the canary saw.

    Args:
        status: Of signing in.
        wrong_status: Of signing in with a wrong password.
        relations: What REST said of each table and view.
        objects: What Storage gave of files of private buckets, by file.
    """

    status: int
    wrong_status: int
    relations: Mapping[str, Answer] = field(default_factory=dict)
    objects: Mapping[Entry, Fetched] = field(default_factory=dict)


def look_around(
    project: Supabase, relations: Mapping[str, Sequence[str]], objects: Sequence[Entry] = ()
) -> Seen:
    """
    Sign in, and ask for every table and view, and for files.

    Args:
        project: The project.
        relations: The columns that are asked for, by table and view; none for all.
        objects: Files of private buckets.

    Returns:
        What was seen.
    """
    canary = Canary()
    with canary.there(project), http_client(timeout_s=_TIMEOUT_S) as http:
        wrong = sign_in(http, project, canary.account.email, f"{canary.password.reveal()}.")
        session = canary.signed_in(http, project)
        if session.user != str(canary.account.id):
            return Seen(session.status, wrong.status)
        key, token = project.publishable_key, Secret(session.token)
        answers = {
            name: ask(http, project, key, name, _listed(columns), token)
            for name, columns in relations.items()
        }
        told = {"apikey": key.reveal(), "Authorization": f"Bearer {token.reveal()}"}
        files = {
            entry: fetch(http, address(project, entry.bucket, entry.key), told) for entry in objects
        }
        return Seen(session.status, wrong.status, answers, files)


class Canary:
    """
    An account with a password that nobody else knows.

    Args:
        metadata: Its app metadata.
    """

    def __init__(self, metadata: Mapping[str, str] | None = None) -> None:
        import bcrypt

        self.password = Secret(secrets.token_urlsafe(32))
        hashed = bcrypt.hashpw(self.password.reveal().encode(), bcrypt.gensalt(_COST)).decode()
        email = f"{_RUN}{secrets.token_hex(8)}@{_DOMAIN}"
        self.account = Account(uuid.uuid4(), email, hashed, dict(metadata or {}))

    def there(self, project: Supabase) -> AbstractContextManager[None]:
        """
        Let it be there for as long as a body runs, and take away what killed runs have left.

        Args:
            project: The project.

        Returns:
            A context.
        """
        return existing(project, self.account, leftovers(project))

    def signed_in(self, http: httpx.Client, project: Supabase) -> SignedIn:
        """
        Sign in.

        Args:
            http: The client.
            project: The project.

        Returns:
            The session; of a refusal its status.
        """
        return sign_in(http, project, self.account.email, self.password.reveal())


@contextmanager
def members_signed_in(
    project: Supabase, *metadata: Mapping[str, str]
) -> Iterator[tuple[Secret, ...]]:
    """
    Have accounts that are signed in, for as long as the body runs.

    Args:
        project: The project.
        metadata: The app metadata of each.

    Yields:
        Their access tokens, in the same order; empty for one that could not sign in.
    """
    canaries = [Canary(one) for one in metadata]
    with ExitStack() as stack, http_client(timeout_s=_TIMEOUT_S) as http:
        for canary in canaries:
            stack.enter_context(canary.there(project))
        yield tuple(Secret(canary.signed_in(http, project).token) for canary in canaries)


def leftovers(project: Supabase) -> tuple[str, ...]:
    """
    Find canaries that a run which was killed has left.

    Args:
        project: The project.

    Returns:
        Their ids in Auth; those of this run are in use.
    """
    return _of_gates(project, but=_RUN)


def remove_all(project: Supabase) -> None:
    """
    Remove every canary, also of this run: for a project that a backup was restored into.

    Args:
        project: The project.
    """
    found = _of_gates(project, but="")
    with project.database.connect() as connection:
        delete(connection, found)


def _of_gates(project: Supabase, *, but: str) -> tuple[str, ...]:
    with project.database.connect() as connection:
        row = connection.execute("SELECT to_regclass('auth.users') IS NOT NULL").fetchone()
        if not (row and row[0]):
            return ()
        return tuple(row[0] for row in connection.execute(_LEFT, {"but": but}).fetchall())


def _listed(columns: Sequence[str]) -> str:
    quoted = (one.replace("\\", "\\\\").replace('"', '\\"') for one in columns)
    return ",".join(f'"{one}"' for one in quoted) or "*"
