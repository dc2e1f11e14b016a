"""Users get accounts that open with their passwords, and leave nothing behind: on a real Auth."""

import json
import sqlite3
import threading
import uuid
from contextlib import closing, contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import bcrypt
import httpx
import pytest

from pytest_deploy.config.users import UsersSettings
from pytest_deploy.engine.step import Observed
from pytest_deploy.errors import ConfigError, StepError
from pytest_deploy.gates.users import accounts_are_valid, users_are_whole
from pytest_deploy.providers.postgres import embedded
from pytest_deploy.providers.postgres.databases import create_database
from pytest_deploy.providers.supabase import lite
from pytest_deploy.providers.supabase.auth import sign_in
from pytest_deploy.providers.supabase.roles import api_roles
from pytest_deploy.steps.create_users import CreateUsers
from pytest_deploy.steps.services import services_of
from pytest_deploy.testing import check_step_contract
from pytest_deploy.transfer.accounts import accounts_of
from pytest_deploy.transfer.snapshot import take
from pytest_deploy.workspace import Workspace

PASSWORD = "siempre-listos"
HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
SETTINGS = UsersSettings(
    table="socios", email="correo", password_hash="clave", metadata={"rol": "rol"}
)
SCHEMA = "CREATE TABLE socios (id INTEGER PRIMARY KEY, correo, clave, rol)"
ROWS = [(1, "  Ana@Grupo.example ", HASH, "admin"), (2, "luis@grupo.example", HASH, None)]


@pytest.fixture(scope="module")
def stack():
    """A Postgres for all tests; each has a database of its own."""
    workspace = Workspace.create(f"users-{uuid.uuid4().hex}")
    try:
        with embedded.serve(workspace, reason="tests") as server, api_roles(server):
            yield server, workspace
    finally:
        workspace.close()


@pytest.fixture
def project(stack):
    """A project with a ledger."""
    server, workspace = stack
    name = uuid.uuid4().hex
    with create_database(server, name) as database:
        with database.connect() as connection:
            connection.execute("CREATE SCHEMA deploy")
        with lite.serve(database, workspace.child(name)) as running:
            yield running


@pytest.fixture
def found(tmp_path):
    """Read the users of an app."""

    def read(rows=ROWS, settings=SETTINGS):
        path = tmp_path / f"{uuid.uuid4().hex}.db"
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(SCHEMA)
            connection.executemany("INSERT INTO socios VALUES (?, ?, ?, ?)", rows)
        snapshot = take(path, tmp_path / uuid.uuid4().hex, uploads=None)
        return accounts_of(snapshot, "grupo", settings)

    return read


def state_of(project):
    """All that Auth has of users, but for when."""
    with project.database.connect() as connection:
        return (
            connection.execute(
                "SELECT id, email, encrypted_password, raw_app_meta_data::text FROM auth.users"
                " ORDER BY id"
            ).fetchall(),
            connection.execute(
                "SELECT user_id, provider, identity_data::text FROM auth.identities ORDER BY 1"
            ).fetchall(),
        )


def test_the_step_keeps_the_contract(project, found):
    """Applied, undone, applied again, complete; and everybody signs in with his password."""
    accounts = found()
    step = CreateUsers(project, "r-1", accounts.usable)
    check_step_contract(step, lambda: state_of(project))
    assert users_are_whole(project, accounts).problems == ()
    with httpx.Client() as http:
        for account in accounts.usable:
            assert sign_in(http, project, account.email, PASSWORD).user == str(account.id)
            assert sign_in(http, project, account.email, "otra").user == ""


def test_its_way_back_needs_the_release_alone(project, found):
    """Another process, that does not know the users."""
    before = state_of(project)
    CreateUsers(project, "r-1", found().usable).apply()
    (way_back,) = [one for one in services_of(project, "r-1", None) if one.name == CreateUsers.name]
    way_back.compensate()
    assert state_of(project) == before


def test_a_second_time_changes_nothing(project, found):
    """The ids are the same, and what is the same stays; it is not taken away by the second."""
    accounts = found()
    CreateUsers(project, "r-1", accounts.usable).apply()
    before = state_of(project)
    again = CreateUsers(project, "r-2", found().usable)
    assert again.apply()["made"] == 0
    assert state_of(project) == before
    again.compensate()
    assert state_of(project) == before


def test_accounts_of_others_are_neither_taken_over_nor_removed(project, found):
    """The same address, another id: refused before any account is made."""
    accounts = found()
    other = replace(accounts.usable[1], id=uuid.uuid4())
    CreateUsers(project, "others", [other]).apply()
    before = state_of(project)
    step = CreateUsers(project, "r-1", accounts.usable)
    with pytest.raises(StepError, match="seen 1") as caught:
        step.apply()
    assert "luis" not in str(caught.value)
    step.compensate()
    assert state_of(project) == before
    assert step.observe() is Observed.NOTHING


def test_every_difference_is_counted(project, found):
    """And nobody is named."""
    accounts = found()
    CreateUsers(project, "r-1", accounts.usable).apply()
    with project.database.connect() as connection:
        connection.execute(
            "UPDATE auth.users SET encrypted_password = 'x', recovery_token = NULL,"
            " email = 'otra@grupo.example', raw_app_meta_data = '{}'"
            " WHERE email = 'ana@grupo.example'"
        )
        connection.execute("DELETE FROM auth.users WHERE email = 'luis@grupo.example'")
    assert set(users_are_whole(project, accounts).problems) == {
        "1 users missing",
        "1 users with another address",
        "1 users with another hash",
        "1 users with other metadata",
        "1 users who cannot sign in, for a token that is NULL",
    }


def test_users_that_could_never_sign_in_are_told_by_the_reason(found):
    """Or skipped on purpose; no address and no hash is in any text."""
    accounts = found(
        [
            *ROWS,
            (3, "LUIS@grupo.example", HASH, None),
            (4, None, HASH, None),
            (5, "sin-arroba", HASH, None),
            (6, "eva@grupo.example", "5f4dcc3b5aa765d61d8327deb882cf99", None),
            (7, "bea@grupo.example", HASH.replace("$2b$04", "$2b$99"), None),
        ]
    )
    assert dict(accounts.unusable) == {
        "an address that others have, too": 2,
        "no address that mail could reach": 2,
        "a hash that is not one of bcrypt": 2,
    }
    assert len(accounts.usable) == 1
    assert "ana" not in repr(accounts).lower()
    assert len(accounts_are_valid(accounts, SETTINGS).problems) == 3
    skipped = SETTINGS.model_copy(update={"unusable": "skip"})
    assert not accounts_are_valid(accounts, skipped).problems


@pytest.mark.parametrize(
    "wrong", [{"table": "nadie"}, {"email": "email"}, {"account": "rol"}, {"metadata": {"x": "y"}}]
)
def test_names_that_are_not_there_are_refused(found, wrong):
    """Before anything is read."""
    with pytest.raises(ConfigError, match=r"\[users\]|expected"):
        found(settings=SETTINGS.model_copy(update=wrong))


class AdminStandIn(BaseHTTPRequestHandler):
    """
    Stands in for the Auth Admin API, which Supabase Lite has not: it keeps what it is told.

    Source: https://github.com/supabase/auth/blob/master/openapi.yaml, /admin/users
    """

    def do_GET(self):
        self.answer(200, {"users": []})

    def do_POST(self):
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        taken = any(told["email"] == one["email"] for one in self.server.users.values())
        if not self.server.users and not self.server.failed:
            self.server.failed = True
            self.answer(503, {"msg": "not yet"})
        elif taken:
            self.answer(422, {"error_code": "email_exists"})
        else:
            self.server.users[told["id"]] = told
            self.answer(200, {"id": told["id"]})

    def do_DELETE(self):
        gone = self.server.users.pop(self.path.rpartition("/")[2], None)
        self.answer(200 if gone else 404, {})

    def answer(self, status, told):
        assert self.headers["apikey"], "no key"
        assert self.path.startswith("/auth/v1/admin/users")
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


@contextmanager
def admin_api():
    """Run the stand-in."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), AdminStandIn)
    server.users, server.failed = {}, False
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_where_there_is_an_admin_api_it_is_asked(project, found):
    """With id, hash and metadata; what fails for a moment is tried again; undone the same way."""
    accounts = found()
    with admin_api() as server:
        hosted = replace(project, url=f"http://127.0.0.1:{server.server_port}")
        step = CreateUsers(hosted, "r-1", accounts.usable)
        assert step.apply()["made"] == 2
        assert server.failed
        told = server.users[str(accounts.usable[0].id)]
        assert told["email"] == "ana@grupo.example"
        assert (told["password_hash"], told["email_confirm"]) == (HASH, True)
        assert told["app_metadata"] == {"rol": "admin"}
        assert state_of(project) == ([], [])
        step.compensate()
        assert server.users == {}


def test_an_address_that_the_admin_api_knows_is_refused(project, found):
    """Between our looking and our asking somebody has taken it."""
    accounts = found()
    with admin_api() as server:
        server.users["x"] = {"email": "luis@grupo.example"}
        hosted = replace(project, url=f"http://127.0.0.1:{server.server_port}")
        step = CreateUsers(hosted, "r-1", accounts.usable)
        with pytest.raises(StepError, match="no account of somebody else"):
            step.apply()
        step.compensate()
        assert set(server.users) == {"x"}
