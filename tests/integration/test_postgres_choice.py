"""Which Postgres a run gets: as asked for, or the best that there is, with the reason."""

from __future__ import annotations

import socket
import subprocess
import sys
import time

import pytest

from pytest_deploy.errors import ConfigError, TargetError
from pytest_deploy.providers.postgres import container
from pytest_deploy.providers.postgres.choice import choose

IMAGE = "localhost/pytest-deploy-postgres:18"


@pytest.fixture
def no_docker(monkeypatch, tmp_path):
    """An address at which no daemon answers."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/absent.sock")


def test_auto_takes_the_embedded_server_without_docker(no_docker):
    """Without a daemon `auto` is embedded, and the header can say why."""
    choice = choose("auto", image=IMAGE)
    assert choice.kind == "embedded"
    assert choice.reason.startswith("no Docker daemon answers")


def test_machine_without_docker_does_not_pay_for_its_library(monkeypatch, tmp_path):
    """Where there is not even a socket, the client library is not imported."""
    code = (
        "import sys; from pytest_deploy.providers.postgres import container;"
        "container._daemon = lambda: None;"
        "print(container.available('x'), 'docker' in sys.modules, 'psycopg' in sys.modules)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    ).stdout
    assert shown.startswith("(False, 'no Docker daemon answers")
    assert shown.endswith("False False\n")


def test_daemon_that_hangs_is_given_up(monkeypatch, tmp_path):
    """A daemon that accepts and stays silent costs the time allowed, not a minute."""
    address = tmp_path / "d.sock"
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(address))
        silent.listen()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{address}")
        began = time.monotonic()
        usable, reason = container.available(IMAGE, timeout_s=0.3)
        assert time.monotonic() - began < 3
    assert not usable
    assert reason.startswith("no Docker daemon answers")


def test_container_without_docker_is_an_error(no_docker):
    """Who asks for a container gets one or an error, never something else."""
    with pytest.raises(TargetError, match="needs none") as caught:
        choose("container", image=IMAGE)
    assert caught.value.problem.startswith("no Docker daemon answers")


def test_embedded_is_taken_as_asked():
    """Asking for the embedded server looks at nothing else."""
    assert choose("embedded", image=IMAGE).kind == "embedded"


def test_url_may_stand_in_the_environment(monkeypatch):
    """`env:NAME` keeps the URL out of the command line, and it is not shown."""
    monkeypatch.setenv("REHEARSAL_URL", "postgresql://u:planted-secret@host/db")
    choice = choose("env:REHEARSAL_URL", image=IMAGE)
    assert choice.kind == "url"
    assert choice.url.reveal() == "postgresql://u:planted-secret@host/db"
    assert "planted-secret" not in repr(choice)


def test_missing_variable_is_named(monkeypatch):
    """A variable that is not set is an error of the configuration."""
    monkeypatch.delenv("REHEARSAL_URL", raising=False)
    with pytest.raises(ConfigError, match="REHEARSAL_URL"):
        choose("env:REHEARSAL_URL", image=IMAGE)


@pytest.mark.parametrize("request_", ["embeded", "docker", "", "planted-secret", "sqlite:///x.db"])
def test_anything_else_is_refused_unseen(request_):
    """What is none of these may be a password in the wrong place: it is not shown."""
    with pytest.raises(TargetError, match="expected auto, embedded, container") as caught:
        choose(request_, image=IMAGE)
    assert "planted-secret" not in str(caught.value)
