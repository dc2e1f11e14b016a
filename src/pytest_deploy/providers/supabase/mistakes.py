"""Mistakes in what names a project, each with what to do: told before anything is connected to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pytest_deploy.errors import ConfigError
from pytest_deploy.providers.supabase.addresses import (
    TRANSACTION_POOLER,
    is_local,
    is_out_of_reach,
    ref_of_database,
    ref_of_url,
)
from pytest_deploy.providers.supabase.api_keys import PRIVATE, PUBLIC, Kind, facts_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_deploy.secrets import Secret

_VERIFIED = ("verify-full", "verify-ca")
_RUNBOOK = "see runbooks/target.md"


@dataclass(frozen=True)
class Named:
    """
    A project, as an env names it.

    Args:
        env: The env.
        url: The address of its API.
        publishable_key: The key that browsers may know.
        secret_key: The key that nobody else may know.
        database: Parameters of libpq, by name.
        references: What stands in `deploy.toml` for each of them: `env:NAME`.
        public_prefixes: What names of variables begin with that browsers get to see.
    """

    env: str
    url: str
    publishable_key: Secret
    secret_key: Secret
    database: Mapping[str, str]
    references: Mapping[str, str]
    public_prefixes: tuple[str, ...]


@dataclass(frozen=True)
class _Mistake:
    """One of them, and the key of `[env.NAME]` that it is in."""

    key: str
    problem: str
    remedy: str


def refuse_mistakes(named: Named) -> None:
    """
    Look for what cannot be right.

    Args:
        named: The project.

    Raises:
        ConfigError: Something is mistaken; only the first is told, in an order in which one
            explains the next. No key, no password and no address of a database is in it.
    """
    first = next(_mistakes(named), None)
    if first is None:
        return
    raise ConfigError(
        f"env {named.env!r}",
        problem=first.problem,
        where=f"deploy.toml, [env.{named.env}] {first.key}",
        remedy=f"{first.remedy}; {_RUNBOOK}",
    )


def _mistakes(named: Named) -> Iterator[_Mistake]:
    yield from _of_variables(named)
    yield from _of_url(named.url)
    yield from _of_keys(named)
    yield from _of_database(named.database)
    yield from _of_projects(named)


def _of_variables(named: Named) -> Iterator[_Mistake]:
    for key in ("secret_key", "database"):
        variable = named.references.get(key, "").removeprefix("env:")
        if variable.startswith(named.public_prefixes):
            yield _Mistake(
                key,
                f"expected a variable that no browser gets to see, seen {variable}",
                "take another name, and make a new key or password: this one may be known by now",
            )


def _of_url(url: str) -> Iterator[_Mistake]:
    try:
        parts = urlsplit(url)
        host, plain = parts.hostname or "", (parts.path, parts.query, parts.fragment)
        _ = parts.port  # ValueError where it is no number
    except ValueError:
        host, plain = "", ("", "", "")
    if not host or parts.scheme not in ("http", "https") or parts.username is not None:
        seen = "something else"
    elif any(one.strip("/") for one in plain):
        seen = "one with a path"
    elif parts.scheme == "http" and not is_local(host):
        yield _Mistake(
            "url",
            "expected https, seen http for a host that is not on this machine",
            "write https:// before it: keys and rows would cross the network in clear",
        )
        return
    else:
        return
    yield _Mistake(
        "url",
        f"expected the address of a project's API, seen {seen}",
        "copy the project URL: https://REF.supabase.co, or http://127.0.0.1:54321 of a local stack",
    )


def _of_keys(named: Named) -> Iterator[_Mistake]:
    public, private = facts_of(named.publishable_key), facts_of(named.secret_key)
    if public.kind in PRIVATE and private.kind in PUBLIC:
        yield _Mistake(
            "publishable_key",
            "expected a key that browsers may know, seen the secret one: both are mixed up",
            "exchange publishable_key and secret_key",
        )
    elif public.kind in PRIVATE:
        yield _Mistake(
            "publishable_key",
            f"expected a key that browsers may know, seen {public.kind}",
            "put the publishable key (or the legacy anon key) there; make a new secret key if this"
            " one was ever in a browser",
        )
    elif private.kind in PUBLIC:
        yield _Mistake(
            "secret_key",
            f"expected a key that sees everything, seen {private.kind}",
            "put the secret key (or the legacy service_role key) there",
        )
    for key, facts in (("publishable_key", public), ("secret_key", private)):
        if facts.kind is Kind.UNKNOWN:
            yield _Mistake(
                key,
                "expected a key of Supabase, seen something else",
                "copy it whole from Project Settings, API Keys, or from supabase status",
            )
        elif facts.is_expired:
            yield _Mistake(
                key,
                f"expected a key that counts, seen {facts.kind}, which has ended",
                "make a new one in Project Settings, API Keys",
            )


def _of_database(parameters: Mapping[str, str]) -> Iterator[_Mistake]:
    host = parameters.get("host", "")
    if parameters.get("port") == TRANSACTION_POOLER:
        yield _Mistake(
            "database",
            f"expected sessions of its own, seen port {TRANSACTION_POOLER}: a transaction pooler,"
            " which loses settings and locks between two statements",
            "take the direct connection, or the session pooler on port 5432",
        )
    if is_local(host):
        return
    mode = parameters.get("sslmode", "prefer")
    if mode not in _VERIFIED:
        yield _Mistake(
            "database",
            f"expected a server whose certificate is verified, seen sslmode={mode}",
            "download the certificate from Database Settings, SSL Configuration, and add"
            " ?sslmode=verify-full&sslrootcert=FILE to the URL",
        )
    if is_out_of_reach(host):
        yield _Mistake(
            "database",
            "expected a host that this machine reaches, seen one with IPv6 addresses only, and no"
            " way to them from here",
            "take the session pooler on port 5432, whose user is postgres.REF, or the IPv4 add-on",
        )


def _of_projects(named: Named) -> Iterator[_Mistake]:
    keys = {
        "publishable_key": facts_of(named.publishable_key).ref,
        "secret_key": facts_of(named.secret_key).ref,
        "database": ref_of_database(named.database),
    }
    project = ref_of_url(urlsplit(named.url).hostname or "")
    for key, ref in keys.items():
        if project and ref and ref != project:
            yield _Mistake(
                key,
                f"expected one of the project {project}, which url names, seen one of {ref}",
                "take all four from the same project",
            )
