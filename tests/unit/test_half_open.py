"""A signal in the middle of a handshake leaves no connection for which a server would wait."""

import os
import signal
import socket
import threading

import pytest

from pytest_deploy.providers.postgres.base import Server, identify
from pytest_deploy.secrets import Secret


class Stopped(BaseException):
    """What a handler raises."""


class SilentServer:
    """A stand-in that reads a greeting, sends us a signal, and waits for more, as Postgres does."""

    def __init__(self):
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.was_left = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        accepted, _ = self._listening.accept()
        with accepted:
            accepted.recv(4096)
            os.kill(os.getpid(), signal.SIGTERM)
            accepted.settimeout(30)
            if accepted.recv(1) == b"":
                self.was_left.set()

    def close(self):
        self._thread.join()
        self._listening.close()


@pytest.fixture
def silent():
    """One that a connection is tried to, under a handler of SIGTERM that raises."""

    def stop(_number, _frame):
        raise Stopped

    before = signal.signal(signal.SIGTERM, stop)
    server = SilentServer()
    yield server
    server.close()
    signal.signal(signal.SIGTERM, before)


def parameters(port):
    """Give what libpq needs to come as far as the greeting."""
    return {
        "host": "127.0.0.1",
        "port": str(port),
        "user": "u",
        "dbname": "d",
        "sslmode": "disable",
    }


def asked(port):
    """Connect as a provider does that finds out what is there."""
    identify(parameters(port), kind="url", reason="tests")


def known(port):
    """Connect to a server that is known."""
    extras = (("sslmode", "disable"),)
    found = Server("url", "18", 18, "tests", "127.0.0.1", port, "u", Secret(""), "d", extras)
    found.connect("d")


@pytest.mark.parametrize("connect", [asked, known])
def test_the_server_is_left_while_the_run_is_still_unwound(silent, connect):
    """Not when the traceback is forgotten: until then a database could not be dropped."""
    with pytest.raises(Stopped) as caught:
        connect(silent.port)
    assert silent.was_left.wait(20)
    assert caught.value.__traceback__ is not None
