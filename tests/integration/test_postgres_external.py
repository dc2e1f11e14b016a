"""A server that runs already: every way in which it can refuse us has words of its own."""

from __future__ import annotations

import shutil
import socket
import struct
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from pytest_deploy.errors import TargetError
from pytest_deploy.providers.postgres import embedded, external
from pytest_deploy.providers.postgres.databases import create_database
from pytest_deploy.secrets import Secret
from pytest_deploy.workspace import Workspace

PASSWORD = "planted-secret"


@pytest.fixture(scope="module")
def running():
    """A server with a role that may sign in and nothing more."""
    folder = Path(tempfile.mkdtemp(prefix="external-"))
    folder.chmod(0o711)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(folder))
        workspace = Workspace.create("r1")
        with embedded.serve(workspace, reason="test") as server:
            with server.connect("postgres", autocommit=True) as connection:
                connection.execute(f"CREATE ROLE clerk LOGIN PASSWORD '{PASSWORD}'")
                connection.execute(f"CREATE ROLE builder LOGIN CREATEDB PASSWORD '{PASSWORD}'")
            yield server
        workspace.close()
    shutil.rmtree(folder)


def refusal(url):
    with pytest.raises(TargetError) as caught, external.serve(Secret(url), reason="test"):
        pass
    assert PASSWORD not in str(caught.value)
    return caught.value.problem


def test_nothing_listens_there():
    """A port without a server is unreachable, and that is said at once."""
    began = time.monotonic()
    assert "nothing answers" in refusal(f"postgresql://u:{PASSWORD}@127.0.0.1:1/postgres")
    assert time.monotonic() - began < 2


def test_host_is_unknown():
    """A host whose name nobody knows is told from one that does not answer."""
    assert "name is unknown" in refusal(f"postgresql://u:{PASSWORD}@no-such-host.invalid/postgres")


def test_server_that_does_not_speak_is_given_up():
    """A port that accepts and stays silent is given up after a few seconds."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        began = time.monotonic()
        assert "nothing answers" in refusal(f"postgresql://u:{PASSWORD}@127.0.0.1:{port}/postgres")
        assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("role", "database", "said"),
    [
        ("postgres", "postgres", "refused the user or the password"),
        ("nobody", "postgres", "refused the user or the password"),
        ("clerk", "absent", "none of that name"),
    ],
    ids=["wrong password", "unknown role", "unknown database"],
)
def test_sign_in_is_refused(running, role, database, said):
    """A wrong password, role or database is named as what it is."""
    address = f"{running.host}:{running.port}"
    assert said in refusal(f"postgresql://{role}:{PASSWORD}@{address}/{database}")


def test_role_may_not_create_databases(running):
    """A role without the right is told so, with the statement that gives it."""
    url = Secret(f"postgresql://clerk:{PASSWORD}@{running.host}:{running.port}/postgres")
    with external.serve(url, reason="test") as server, pytest.raises(TargetError, match="CREATEDB"):
        create_database(server, "r1").__enter__()


def test_role_that_is_no_superuser_suffices(running):
    """The right to create databases is all that is needed, to force sessions out as well."""
    url = Secret(f"postgresql://builder:{PASSWORD}@{running.host}:{running.port}/postgres")
    with external.serve(url, reason="test") as server, create_database(server, "r1") as target:
        session = target.connect()
    assert session.pgconn.socket
    with running.connect("postgres") as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_database WHERE starts_with(datname, 'pytest_deploy_')"
        ).fetchone()
    assert found == (0,)
    session.close()


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://u:{PASSWORD}@host/db",
        f"postgresql://u:{PASSWORD}@x@host/db",
        f"postgresql://u:x/{PASSWORD}@host/db",
        f"postgresql://u:%zz{PASSWORD}@host/db",
        f"postgresql://u:{PASSWORD}@host/db?unheard={PASSWORD}",
        f"postgresql://u@host:{PASSWORD}/db",
        f"host=localhost password={PASSWORD}",
    ],
)
def test_what_is_no_url_is_not_shown(url):
    """A value that cannot be read may hold a password anywhere, so nothing of it is shown."""
    assert "expected auto, embedded, container or postgresql://" in refusal(url)


def test_parameters_of_the_url_reach_every_connection(running):
    """What a URL asks for beyond host and role holds for the databases made there."""
    password = running.password.reveal()
    url = f"postgresql://postgres:{password}@{running.host}:{running.port}/postgres"
    asked = "?sslmode=disable&options=-c%20work_mem%3D7MB"
    with external.serve(Secret(url + asked), reason="test") as server:
        assert dict(server.extras)["sslmode"] == "disable"
        with create_database(server, "r1") as target, target.connect() as connection:
            shown = connection.execute(
                "SELECT current_setting('work_mem'), current_setting('TimeZone')"
            ).fetchone()
    assert shown == ("7MB", "UTC")


@contextmanager
def server_that_says(version):
    """Speak just enough of the protocol to let anybody in and to tell a version."""

    def message(kind, body):
        return kind + struct.pack("!i", len(body) + 4) + body

    def answer():
        session, _ = listener.accept()
        with session:
            length = struct.unpack("!i", session.recv(4))[0]
            if struct.unpack("!i", session.recv(length - 4)[:4])[0] != 196608:
                session.sendall(b"N")
                session.recv(4096)
            session.sendall(
                message(b"R", struct.pack("!i", 0))
                + message(b"S", f"server_version\0{version}\0".encode())
                + message(b"S", b"client_encoding\0UTF8\0")
                + message(b"Z", b"I")
            )
            session.recv(1)

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        thread = threading.Thread(target=answer)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def test_old_server_is_refused_with_its_version():
    """A server before 15 is refused before anything is made there."""
    with server_that_says("14.9") as port:
        problem = refusal(f"postgresql://u:{PASSWORD}@127.0.0.1:{port}/postgres")
    assert problem == "expected version 15 or later, seen 14.9"
