"""The target from the outside: services that do not answer, keys refused, rights, room."""

import threading
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from secrets import token_hex

import pytest

from pytest_deploy.processes import free_port
from pytest_deploy.providers.postgres.databases import create_database
from pytest_deploy.providers.postgres.room import room_on
from pytest_deploy.providers.supabase.base import Supabase
from pytest_deploy.providers.supabase.services import reach
from pytest_deploy.retrying import retries
from pytest_deploy.secrets import Secret

PUBLISHABLE, SECRET = Secret("sb_publishable_0"), Secret("sb_secret_0")


@contextmanager
def answering(statuses):
    """A server that answers with the next status of a list, and with the last one ever after."""
    left = list(statuses)

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(left.pop(0) if len(left) > 1 else left[0])
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Supabase(f"http://127.0.0.1:{server.server_port}", PUBLISHABLE, SECRET, None)
    finally:
        server.shutdown()
        server.server_close()


def problems(project):
    """What is wrong, by service."""
    return {one.service: one.problem for one in reach(project) if one.problem}


def test_a_moment_of_trouble_is_tried_again():
    """Two answers that say to wait; each retry is counted."""
    before = sum(retries().values())
    with answering([503, 429, 200]) as project:
        assert problems(project) == {}
    assert sum(retries().values()) == before + 2


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (401, "secret_key is refused"),
        (540, "the project is paused: restore it"),
        (404, "HTTP 404 at /rest/v1/, expected 200"),
    ],
)
def test_what_stays_is_told_at_once(status, told):
    """A refusal is no moment of trouble."""
    before = sum(retries().values())
    with answering([status]) as project:
        found = problems(project)
    assert len(found) == 4
    assert told in found["REST, secret key"]
    assert sum(retries().values()) == before


def test_a_service_that_is_not_there_is_told(monkeypatch):
    """With what to do."""
    monkeypatch.setattr("pytest_deploy.retrying._ATTEMPTS", 2)
    project = Supabase(f"http://127.0.0.1:{free_port()}", PUBLISHABLE, SECRET, None)
    found = problems(project)
    assert len(found) == 4
    assert "seen ConnectError: start the stack" in found["Auth, publishable key"]


@pytest.fixture
def database(server):
    """A database of its own."""
    with create_database(server, f"room-{token_hex(4)}") as made:
        yield made


def look(target, **asked):
    """Look at it as a deployment would."""
    return room_on(target, **({"schema": "public", "roles": (), "writes": ()} | asked))


def test_a_superuser_has_all_rights_and_is_told_apart(database):
    """And what is not there is named."""
    room = look(database, roles=("no_such_role",), writes=("auth.users",))
    assert (room.is_superuser, room.makes_schemas, room.makes_tables) == (True, True, True)
    assert room.missing_roles == ("no_such_role",)
    assert room.closed_tables == ("auth.users",)
    assert room.free_connections > 10
    assert room.database_bytes > 1_000_000


def test_a_role_with_too_few_rights_is_seen_as_such(database):
    """Neither schemas nor tables; and of connections only what its own limit leaves."""
    role = f"pobre_{token_hex(4)}"
    with database.connect() as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN CONNECTION LIMIT 2 PASSWORD 'x'")
    server = replace(database.server, user=role, password=Secret("x"))
    poor = replace(database, server=server)
    try:
        room = look(poor)
    finally:
        with database.connect() as connection:
            connection.execute(f"DROP ROLE {role}")
    assert (room.is_superuser, room.makes_schemas, room.makes_tables) == (False, False, False)
    assert room.free_connections == 1
