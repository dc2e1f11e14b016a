"""Supabase Lite on a Postgres of ours: REST, Auth and Storage as the real ones speak."""

from __future__ import annotations

import secrets
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

from pytest_deploy.errors import TargetError
from pytest_deploy.processes import free_port
from pytest_deploy.providers.supabase.base import Supabase
from pytest_deploy.providers.supabase.packages import environment, installed, program
from pytest_deploy.secrets import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_deploy.providers.postgres.base import Target

_START_TIMEOUT_S = 20.0
_STOP_TIMEOUT_S = 5.0
_POLL_S = 0.02
# Its timestamps end in +00, which the official client cannot read; with this zone in +05:30.
_ZONE = "Asia/Kolkata"
_LARGEST = "500MiB"


# It makes these when it first needs them; hosted projects have them from the beginning.
_ROLES = """
DO $$ DECLARE name text; BEGIN
    FOREACH name IN ARRAY ARRAY['anon', 'authenticated', 'service_role'] LOOP
        BEGIN EXECUTE format('CREATE ROLE %I NOLOGIN', name);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END;
    END LOOP;
END $$;
ALTER ROLE service_role BYPASSRLS;
GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role;
"""


# The first question for rows of a table makes it grant everything in the schema to everybody, now
# and for what is made later. Hosted projects made since May 2026 grant nothing of the kind.
_FIRST = "deploy_first_question"
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
        database: An empty database of ours.
        folder: A private folder: configuration, log, and the files of Storage.

    Yields:
        The project.

    Raises:
        TargetError: Node or its packages are missing, or it does not start.
    """
    packages, port = installed(), free_port()
    project = Supabase(
        url=f"http://127.0.0.1:{port}",
        publishable_key=Secret(f"sb_publishable_{secrets.token_hex(16)}"),
        secret_key=Secret(f"sb_secret_{secrets.token_hex(16)}"),
        database=database,
    )
    _configure(project, folder, port)
    with database.connect() as connection:
        connection.execute(_ROLES)
    with (folder / "lite.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - Node, by its path
            [program("node"), packages / "@supabase/lite/dist/cli/index.js", "start", "--no-admin"],
            cwd=folder,
            env=environment() | {"EXPERIMENTAL_STORAGE": "1", "LITE_TELEMETRY": "0"},
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        try:
            _wait(process, project)
            _let_grants_pass(project)
            yield project
        finally:
            process.terminate()
            try:
                process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _configure(project: Supabase, folder: Path, port: int) -> None:
    server, name = project.database.server, project.database.database
    password = quote(server.password.reveal(), safe="")
    url = (
        f"postgresql://{quote(server.user, safe='')}:{password}@{server.host}:{server.port}"
        f"/{quote(name, safe='')}?TimeZone={_ZONE}"
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
        connection.execute(f"CREATE TABLE public.{_FIRST} (id integer)".encode())
    await_tables(project, [_FIRST])
    with project.database.connect() as connection:
        connection.execute(_UNDO_FIRST.encode())


def _wait(process: subprocess.Popen[bytes], project: Supabase) -> None:
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
    raise TargetError(
        "local Supabase",
        problem=f"expected it to answer within {_START_TIMEOUT_S:.0f} s, it did not",
        where="the packages of the local Supabase, pytest_deploy.stack",
        remedy="look at its log, lite.log in the folder of the run; or name an env that runs",
    )
