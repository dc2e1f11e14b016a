"""A Postgres of our own as a child process: no Docker, no root, no installation."""

from __future__ import annotations

import re
import secrets
import signal
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pytest_deploy.errors import TargetError
from pytest_deploy.processes import free_port
from pytest_deploy.providers.postgres import programs as programs_of
from pytest_deploy.providers.postgres.base import identify, write_passfile
from pytest_deploy.secrets import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_deploy.providers.postgres.base import Server
    from pytest_deploy.providers.postgres.programs import Programs
    from pytest_deploy.workspace import Workspace

_HOST = "127.0.0.1"
_USER = "postgres"
_DATABASE = "postgres"
_START_TIMEOUT_S = 20.0
_STOP_TIMEOUT_S = 10.0
_POLL_S = 0.005
_PORT_ATTEMPTS = 5

# Nothing here has to survive a power cut: the server is thrown away.
_UNSAFE_AND_FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "30min",
    "maintenance_work_mem": "256MB",
    "jit": "off",
}
# The log is for failures to start. An ERROR may quote a value of a row, in its text or statement.
_DISCREET = {
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_statement": "none",
}
_PLACE = {
    "No space left on device": programs_of.NO_ROOM,
    "Permission denied": programs_of.NO_PASSAGE,
}
_TELLING = re.compile(r"FATAL|PANIC|error:|could not")


class _PortTakenError(Exception):
    """Another process took the port between our look and the server's."""


@contextmanager
def serve(workspace: Workspace, *, reason: str) -> Iterator[Server]:
    """
    Start a server on a free port of this machine's loopback, and stop it at the end.

    Args:
        workspace: Holds its data; where it is kept, the server stays.
        reason: Why this one was chosen.

    Yields:
        The server.

    Raises:
        TargetError: Its programs are missing, the disk is full, or it does not start.

    Source: https://www.postgresql.org/docs/current/app-postgres.html
    """
    programs = programs_of.find(workspace)
    password = Secret(secrets.token_urlsafe(24))
    data = workspace.child("pgdata", stays=True)
    log = workspace.child("server", stays=True) / "postgres.log"
    _initialise(programs, workspace, data, password)
    with _running(programs, workspace, data, log) as port:
        parameters = {
            "host": _HOST,
            "port": str(port),
            "user": _USER,
            "password": password.reveal(),
            "dbname": _DATABASE,
        }
        passfile = write_passfile(log.parent, parameters)
        yield identify(parameters, kind="embedded", reason=reason, passfile=passfile)


def _initialise(programs: Programs, workspace: Workspace, data: Path, password: Secret) -> None:
    # In a folder of its own: the server's account may read it, and nothing else of ours.
    entrance = workspace.child("entrance")
    password_file = entrance / "password"
    password_file.touch(mode=0o600)
    password_file.write_text(password.reveal() + "\n")
    for path in (data, entrance, password_file):
        programs.give(path)
    process = programs.start(
        "initdb",
        f"--pgdata={data}",
        f"--username={_USER}",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--no-sync",
        "--no-data-checksums",
        "--no-instructions",
        output=subprocess.PIPE,
    )
    try:
        output, _ = process.communicate()
    finally:
        _stop(process)
        password_file.unlink()
    if process.returncode != 0:
        raise _not_started(output.decode(errors="replace"), data)


@contextmanager
def _running(programs: Programs, workspace: Workspace, data: Path, log: Path) -> Iterator[int]:
    for attempt in range(1, _PORT_ATTEMPTS + 1):
        port = free_port()
        process = _launch(programs, data, log, port)
        try:
            _await_ready(process, data, log)
            yield port
        except _PortTakenError:
            if attempt == _PORT_ATTEMPTS:
                raise _not_started(_tail(log), data) from None
        else:
            return
        finally:
            if not workspace.kept:
                _stop(process)


def _launch(programs: Programs, data: Path, log: Path, port: int) -> subprocess.Popen[bytes]:
    settings = {
        "listen_addresses": _HOST,
        "port": str(port),
        "unix_socket_directories": "",
        **_UNSAFE_AND_FAST,
        **_DISCREET,
    }
    arguments = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    with log.open("wb") as output:
        return programs.start("postgres", "-D", str(data), *arguments, output=output)


def _await_ready(process: subprocess.Popen[bytes], data: Path, log: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not _is_ready(data):
        if process.poll() is not None:
            if "Address already in use" in _tail(log):
                raise _PortTakenError
            raise _not_started(_tail(log), data)
        if time.monotonic() > deadline:
            raise _not_started(f"no answer within {_START_TIMEOUT_S:.0f} s", data)
        time.sleep(_POLL_S)


def _is_ready(data: Path) -> bool:
    # The eighth line is the server's own word for accepting connections.
    # Source: https://www.postgresql.org/docs/current/storage-file-layout.html
    try:
        return (data / "postmaster.pid").read_text().split("\n")[7].strip() == "ready"
    except (FileNotFoundError, IndexError):
        return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    # Fast, then immediate, then by force.
    # Source: https://www.postgresql.org/docs/current/server-shutdown.html
    for each in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if process.poll() is not None:
            return
        process.send_signal(each)
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            continue


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")


def _not_started(output: str, data: Path) -> TargetError:
    lines = output.strip().splitlines() or ["no message"]
    telling = next((line for line in lines if _TELLING.search(line)), lines[-1])
    problem, remedy = next(
        (words for sign, words in _PLACE.items() if sign in telling),
        (f"expected it to start, seen: {telling}", "use --postgres container or a URL"),
    )
    return TargetError(
        f"embedded Postgres in {data}",
        problem=problem,
        where=f"{programs_of.WHERE}; its place is the environment variable TMPDIR",
        remedy=remedy,
    )
