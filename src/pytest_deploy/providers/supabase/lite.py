"""Supabase Lite on a Postgres of ours: REST, Auth and Storage as the real ones speak."""

from __future__ import annotations

import secrets
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

from pytest_deploy.errors import TargetError
from pytest_deploy.leftovers import SERVICE_PID, mark_of
from pytest_deploy.processes import LOOPBACK, free_port
from pytest_deploy.providers.supabase.base import Supabase
from pytest_deploy.providers.supabase.packages import environment, installed, node
from pytest_deploy.providers.supabase.roles import alone
from pytest_deploy.secrets import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_deploy.providers.postgres.base import Target

_START_TIMEOUT_S = 20.0
_STOP_TIMEOUT_S = 5.0
_POLL_S = 0.02
_ATTEMPTS = 3
_LOG = "lite.log"
_PORT_TAKEN = "EADDRINUSE"
_LARGEST = "500MiB"


# As hosted projects have it from the beginning.
_USAGE = "GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role"
# The first question for rows of a table with row level security makes it grant everything in the
# schema to everybody, and what is made later, too. New hosted projects grant nothing of the kind.
_FIRST = "deploy_first_question"
_BEFORE_FIRST = f"""
CREATE TABLE public.{_FIRST} (id integer);
ALTER TABLE public.{_FIRST} ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON public.{_FIRST} TO service_role;
"""
_UNDO_FIRST = f"""
DROP TABLE public.{_FIRST};
ALTER DEFAULT PRIVILEGES IN SCHEMA public
    REVOKE ALL ON TABLES FROM anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES IN SCHEMA public
    REVOKE ALL ON SEQUENCES FROM anon, authenticated, service_role;
"""


@contextmanager
def serve(database: Target, folder: Path) -> Iterator[Supabase]:
    """
    Start the services on a database, and stop them at the end.

    Args:
        database: An empty database of ours, on a server with the roles of the API.
        folder: A private folder: configuration, log, and the files of Storage.

    Yields:
        The project.

    Raises:
        TargetError: Node or its packages are missing, or it does not start.
    """
    packages, executable = installed(), node()
    with database.connect() as connection:
        connection.execute(_USAGE)
    process, project = _started(executable, packages, database, folder)
    try:
        with alone(database.server):
            _let_grants_pass(project)
        yield project
    finally:
        _stop(process)
        (folder / SERVICE_PID).unlink(missing_ok=True)


def _started(
    node: Path, packages: Path, database: Target, folder: Path
) -> tuple[subprocess.Popen[bytes], Supabase]:
    for attempt in range(1, _ATTEMPTS + 1):
        port = free_port()
        project = _project(database, port)
        _configure(project, folder, port)
        process = _launch(node, packages, folder)
        try:
            _wait(process, project, folder)
        except BaseException as error:
            _stop(process)
            # Somebody may take the port between our looking and its listening.
            taken = isinstance(error, TargetError) and _PORT_TAKEN in _log(folder)
            if taken and attempt < _ATTEMPTS:
                continue
            raise
        return process, project
    raise AssertionError


def _project(database: Target, port: int) -> Supabase:
    return Supabase(
        url=f"http://{LOOPBACK}:{port}",
        publishable_key=Secret(f"sb_publishable_{secrets.token_hex(16)}"),
        secret_key=Secret(f"sb_secret_{secrets.token_hex(16)}"),
        database=database,
    )


def _launch(node: Path, packages: Path, folder: Path) -> subprocess.Popen[bytes]:
    # The shell notes its own number before it becomes the service: no moment is left in which
    # a run that is killed would leave a service that nobody knows.
    note = f'echo $$ > {SERVICE_PID} && exec "$@"'
    cli = packages / "@supabase/lite/dist/cli/index.js"
    with (folder / _LOG).open("wb") as log:
        return subprocess.Popen(  # noqa: S603 - Node, by its path
            ["/bin/sh", "-c", note, "sh", node, mark_of(folder), cli, "start", "--no-admin"],
            cwd=folder,
            env=environment() | {"EXPERIMENTAL_STORAGE": "1", "LITE_TELEMETRY": "0"},
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _log(folder: Path) -> str:
    return (folder / _LOG).read_text(encoding="utf-8", errors="replace")


def _configure(project: Supabase, folder: Path, port: int) -> None:
    server, name = project.database.server, project.database.database
    password = quote(server.password.reveal(), safe="")
    url = (
        f"postgresql://{quote(server.user, safe='')}:{password}@{server.host}:{server.port}"
        f"/{quote(name, safe='')}"
    )
    path = folder / "supabase" / "config.toml"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(
        f"""project_id = "local"
[api]
port = {port}
schemas = ["public"]
[db]
driver = "postgres"
url = "{url}"
[storage]
enabled = true
file_size_limit = "{_LARGEST}"
[auth]
enabled = true
jwt_secret = "{secrets.token_urlsafe(48)}"
publishable_key = "{project.publishable_key.reveal()}"
secret_key = "{project.secret_key.reveal()}"
""",
        encoding="utf-8",
    )


def _let_grants_pass(project: Supabase) -> None:
    from pytest_deploy.providers.supabase.rest import await_tables

    with project.database.connect() as connection:
        connection.execute(_BEFORE_FIRST.encode())
    await_tables(project, [_FIRST])
    with project.database.connect() as connection:
        connection.execute(_UNDO_FIRST.encode())


def _wait(process: subprocess.Popen[bytes], project: Supabase, folder: Path) -> None:
    import httpx

    path = f"{project.url}/auth/v1/health"
    key = {"apikey": project.publishable_key.reveal()}
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(path, headers=key, timeout=_START_TIMEOUT_S)
        except httpx.TransportError:
            time.sleep(_POLL_S)
        else:
            return
    code = process.poll()
    taken = ": its port was taken" if _PORT_TAKEN in _log(folder) else ""
    seen = "it did not" if code is None else f"it ended with {code}{taken}"
    raise TargetError(
        "local Supabase",
        problem=f"expected it to answer within {_START_TIMEOUT_S:.0f} s, {seen}",
        where="the packages of the local Supabase, pytest_deploy.stack",
        remedy="run again; it needs Node 20 or newer, and a free port of the loopback",
    )
