"""What every provider of Postgres promises, checked on each: embedded, container, a URL."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from pytest_deploy.errors import TargetError
from pytest_deploy.providers.postgres import container, embedded
from pytest_deploy.providers.postgres.base import OLDEST_MAJOR
from pytest_deploy.providers.postgres.choice import choose, serve
from pytest_deploy.providers.postgres.databases import create_database
from pytest_deploy.workspace import Workspace, sweep

IMAGE = os.environ.get("PYTEST_DEPLOY_IMAGE", "localhost/pytest-deploy-postgres:18")
PATIENCE_S = 20

RUN = """
import sys, time
from pytest_deploy.providers.postgres.choice import Choice, serve
from pytest_deploy.providers.postgres.databases import create_database
from pytest_deploy.secrets import Secret
from pytest_deploy.workspace import Workspace
kind, image, url = sys.argv[1:]
workspace = Workspace.create("killed")
with serve(Choice(kind, "test", image, Secret(url) if url else None), workspace) as server:
    with create_database(server, "killed") as target:
        print(workspace.path, workspace._guardian.pid, server.port, flush=True)
        time.sleep(60)
"""


@pytest.fixture(scope="module")
def temporary_folder():
    """A folder that the server's account can pass through, which pytest's own is not as root."""
    folder = Path(tempfile.mkdtemp(prefix="contract-"))
    folder.chmod(0o711)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(folder))
        patch.setenv("TMPDIR", str(folder))
        yield folder
    shutil.rmtree(folder)


@contextmanager
def workspace_of(release):
    workspace = Workspace.create(release)
    try:
        yield workspace
    finally:
        workspace.close()


@pytest.fixture(scope="module", params=["embedded", "container", "url"])
def choice(request, temporary_folder):
    """A decision for each provider; the URL is that of an embedded server."""
    if request.param == "embedded":
        yield choose("embedded")
    elif request.param == "container":
        usable, reason = container.available(IMAGE)
        if not usable:
            pytest.skip(f"CONTAINER PROVIDER NOT TESTED: {reason}")
        yield choose("container", image=IMAGE)
    else:
        with (
            workspace_of("running") as workspace,
            embedded.serve(workspace, reason="test") as server,
        ):
            user, password = server.user, server.password.reveal()
            yield choose(f"postgresql://{user}:{password}@{server.host}:{server.port}/postgres")


@pytest.fixture(scope="module")
def server(choice):
    with workspace_of("contract") as workspace, serve(choice, workspace) as server:
        yield server


def names(server):
    with server.connect(server.admin_database) as connection:
        return [name for (name,) in connection.execute("SELECT datname FROM pg_database")]


def eventually(condition):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def answers(port):
    """Whether something listens there and speaks."""
    try:
        psycopg.connect(f"host=127.0.0.1 port={port} user=nobody password=x", connect_timeout=2)
    except psycopg.OperationalError as error:
        return "refused" not in str(error)
    return True


def test_server_says_what_it_is(server, choice):
    """Every provider hands out the same attributes, and the version is one that is supported."""
    assert server.kind == choice.kind
    assert server.reason == choice.reason
    assert server.major >= OLDEST_MAJOR
    assert server.version.startswith(f"{server.major}.")
    assert server.host == "127.0.0.1"


def test_password_is_never_shown(server):
    """Neither the representation nor the address holds the password."""
    password = server.password.reveal()
    assert password
    assert password not in repr(server)
    assert password not in server.url("x")
    assert password not in f"{server.conninfo('x')}"


def test_database_is_ours_alone(server):
    """The database is new, in UTF-8, named after the release, and gone afterwards."""
    with create_database(server, "r1") as target:
        assert target.database == "pytest_deploy_r1"
        assert target.database in names(server)
        with target.connect() as connection:
            row = connection.execute(
                "SELECT pg_encoding_to_char(encoding), shobj_description(oid, 'pg_database')"
                " FROM pg_database WHERE datname = current_database()"
            ).fetchone()
        assert row[0] == "UTF8"
        assert '"release": "r1"' in row[1]
        assert f'"pid": {os.getpid()}' in row[1]
    assert target.database not in names(server)


def test_session_does_not_depend_on_the_server(server):
    """What a value looks like as text is the same everywhere."""
    with create_database(server, "r1") as target:
        with target.connect(autocommit=True) as connection:
            connection.execute(f'ALTER DATABASE "{target.database}" SET TimeZone = "Asia/Kolkata"')
        with target.connect(application_name="test") as connection:
            shown = connection.execute(
                "SELECT '2024-06-01 12:00+02'::timestamptz::text, '\\x00ff'::bytea::text,"
                " 0.1::float8::text, current_setting('application_name')"
            ).fetchone()
    assert shown == ("2024-06-01 10:00:00+00", "\\x00ff", "0.1", "test")


def test_a_name_is_free_as_soon_as_its_database_is_gone(server, slowly):
    """Also while the session that held it has not quite ended."""
    with create_database(slowly(server), "r1"):
        pass
    with create_database(server, "r1"):
        pass


def test_target_can_be_sent_to_a_worker(server):
    """A worker process gets the target by pickle and connects with it."""
    with create_database(server, "r1") as target:
        copy = pickle.loads(pickle.dumps(target))
        assert copy == target
        with copy.connect() as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_shown_address_connects_where_there_is_a_passfile(server):
    """The URL that a kept database is announced with can be used as it stands."""
    if server.passfile is None:
        assert ":***@" in server.url("postgres")
        return
    assert server.passfile.stat().st_mode & 0o077 == 0
    with psycopg.connect(server.url("postgres")) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("end", [ValueError, KeyboardInterrupt, SystemExit])
def test_database_is_dropped_however_the_run_ends(server, end):
    """An error, Ctrl-C and an exit all drop the database, also under open sessions."""
    with pytest.raises(end), create_database(server, "r1") as target:
        session = target.connect()
        raise end
    assert target.database not in names(server)
    session.close()


def test_existing_database_is_never_touched(server):
    """A name that is taken is an error, and the database of that name is left as it is."""
    with server.connect(server.admin_database, autocommit=True) as connection:
        connection.execute('CREATE DATABASE "pytest_deploy_r1"')
        with pytest.raises(TargetError, match="left as it is"), create_database(server, "r1"):
            pass
        assert "pytest_deploy_r1" in names(server)
        connection.execute('DROP DATABASE "pytest_deploy_r1"')


def test_same_release_cannot_run_twice(server):
    """While a run has its database, another of the same release is refused."""
    with create_database(server, "r1") as target:
        with pytest.raises(TargetError, match="exists"):
            create_database(server, "r1").__enter__()
        assert target.database in names(server)


def test_neighbour_is_left_alone(server):
    """A run that starts drops no database of a run that lives."""
    with create_database(server, "r1") as first, create_database(server, "r2"):
        assert first.database in names(server)


def test_kept_database_stays_and_says_so(server):
    """A kept database is there afterwards, and later runs leave it alone."""
    with create_database(server, "kept", keep=True) as target:
        pass
    with create_database(server, "r1"):
        assert target.database in names(server)
    with server.connect(server.admin_database, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{target.database}"')


def test_database_can_be_dropped_after_the_session_was_cut(server):
    """A maintenance session that a network or an administrator ended does not leave a database."""
    with create_database(server, "r1") as target:  # noqa: SIM117 - the order is the point
        with server.connect(server.admin_database, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
    assert target.database not in names(server)


def is_foreign(choice):
    """Whether the server is somebody else's, and stays whatever happens to us."""
    return choice.kind == "url"


def arguments_of(choice):
    return choice.kind, choice.image, choice.url.reveal() if choice.url else ""


def run_and_kill(choice, *, guardian):
    """Start a run in another process, kill it with -9, and its guardian too when asked."""
    run = subprocess.Popen(
        [sys.executable, "-c", RUN, *arguments_of(choice)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    folder, guardian_pid, port = run.stdout.readline().split()
    if guardian:
        os.kill(int(guardian_pid), signal.SIGKILL)
    run.kill()
    run.communicate()
    return Path(folder), int(port)


def test_killed_run_leaves_no_server(choice, temporary_folder):
    """After `kill -9` the guardian removes the folder and the server, without a next run."""
    folder, port = run_and_kill(choice, guardian=False)
    assert eventually(lambda: not folder.exists())
    assert eventually(lambda: answers(port) is is_foreign(choice))


def test_next_run_removes_what_guardian_and_run_left(choice, temporary_folder):
    """Where the guardian was killed as well, the next run removes server, folder and database."""
    folder, port = run_and_kill(choice, guardian=True)
    assert folder.is_dir()
    assert answers(port)
    with workspace_of("next") as workspace, serve(choice, workspace) as server:
        assert str(folder) in workspace.swept
        with create_database(server, "next"):
            assert "pytest_deploy_killed" not in names(server)
    assert not folder.exists()
    assert answers(port) is is_foreign(choice)


def test_kept_server_outlives_its_run(choice, temporary_folder):
    """A kept server answers after its run has closed everything, until it is swept."""
    code = RUN.replace("time.sleep(60)", "workspace.keep()") + "workspace.close()\n"
    run = subprocess.run(
        [sys.executable, "-c", code, *arguments_of(choice)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
    )
    folder, _, port = run.stdout.split()
    assert answers(int(port))
    assert folder in sweep(include_kept=True)
    assert answers(int(port)) is is_foreign(choice)
