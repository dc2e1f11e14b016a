"""An account that exists for a gate alone: it signs in, looks around, and is gone again."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_deploy.providers.supabase.accounts import existing
from pytest_deploy.providers.supabase.auth import Account, sign_in
from pytest_deploy.providers.supabase.rest import ask
from pytest_deploy.secrets import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_deploy.providers.supabase.base import Supabase
    from pytest_deploy.providers.supabase.rest import Answer

_TIMEOUT_S = 30.0
_COST = 4  # it lives for seconds, and its password is of 256 random bits
_DOMAIN = "canary.pytest-deploy.invalid"
_LEFT = f"SELECT id::text FROM auth.users WHERE email LIKE '%%@{_DOMAIN}'"


@dataclass(frozen=True)
class Seen:
    """
    What the canary saw.

    Args:
        status: Of signing in.
        wrong_status: Of signing in with a wrong password.
        relations: What REST said of each table and view.
    """

    status: int
    wrong_status: int
    relations: Mapping[str, Answer] = field(default_factory=dict)


def look_around(project: Supabase, relations: Mapping[str, Sequence[str]]) -> Seen:
    """
    Sign in, and ask for every table and view.

    Args:
        project: The project.
        relations: The columns that are asked for, by table and view; none for all.

    Returns:
        What was seen.
    """
    import bcrypt
    import httpx

    password = secrets.token_urlsafe(32)
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(_COST)).decode()
    account = Account(uuid.uuid4(), f"{secrets.token_hex(8)}@{_DOMAIN}", hashed, {})
    there = existing(project, account, _leftovers(project))
    with there, httpx.Client(timeout=_TIMEOUT_S) as http:
        wrong = sign_in(http, project, account.email, f"{password}.")
        session = sign_in(http, project, account.email, password)
        if session.user != str(account.id):
            return Seen(session.status, wrong.status)
        key, token = project.publishable_key, Secret(session.token)
        answers = {
            name: ask(http, project, key, name, _listed(columns), token)
            for name, columns in relations.items()
        }
        return Seen(session.status, wrong.status, answers)


def _leftovers(project: Supabase) -> tuple[str, ...]:
    """Find canaries that a run which was killed has left."""
    with project.database.connect() as connection:
        return tuple(row[0] for row in connection.execute(_LEFT).fetchall())


def _listed(columns: Sequence[str]) -> str:
    quoted = (one.replace("\\", "\\\\").replace('"', '\\"') for one in columns)
    return ",".join(f'"{one}"' for one in quoted) or "*"
