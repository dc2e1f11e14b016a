"""One deployment at a time, and none that is dead."""

import os
import pickle
import signal
import subprocess
import sys
import uuid

import pytest

from pytest_deploy.errors import TargetError
from pytest_deploy.providers.postgres import embedded
from pytest_deploy.providers.postgres.databases import create_database
from pytest_deploy.providers.postgres.holding import held
from pytest_deploy.workspace import Workspace

HOLDS = """
import os, pickle, sys, time
from pytest_deploy.providers.postgres.holding import held
with held(pickle.loads(bytes.fromhex(sys.stdin.readline())), "r-1"):
    print("holds", flush=True)
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def server():
    """A server of its own."""
    workspace = Workspace.create(f"holding-{uuid.uuid4().hex}")
    try:
        with embedded.serve(workspace, reason="tests") as running:
            yield running
    finally:
        workspace.close()


def test_the_second_one_is_refused_and_told_who_holds_it(server):
    """At once; and a target beside it is free."""
    with create_database(server, "one") as one, create_database(server, "two") as two:
        with held(one, "r-1"), held(two, "r-2"):
            with pytest.raises(TargetError) as caught, held(one, "r-3"):
                pass
            assert f"deploys r-1 from {os.uname().nodename}:{os.getpid()}" in caught.value.problem
        with held(one, "r-3"):
            pass


def test_a_dead_one_holds_nothing(server):
    """After `kill -9`."""
    with create_database(server, "dead") as target:
        running = subprocess.Popen(
            [sys.executable, "-c", HOLDS],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        running.stdin.write(pickle.dumps(target).hex() + "\n")
        running.stdin.flush()
        assert running.stdout.readline().strip() == "holds"
        with pytest.raises(TargetError, match="deploys r-1"), held(target, "r-2"):
            pass
        running.send_signal(signal.SIGKILL)
        running.wait()
        running.stdin.close()
        running.stdout.close()
        with held(target, "r-2"):
            pass


def test_the_next_one_need_not_wait_for_a_session_to_end(server, slowly):
    """Nobody is held by one that has let go."""
    with create_database(server, "often") as target:
        with held(slowly(target), "r-1"):
            pass
        with held(target, "r-2"):
            pass
