"""What goes wrong on the way: it is tried again, or all is as it was and the next run is green."""

import os
import re
import shlex
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from pytest_deploy.errors import TargetError
from tests.recovery.cases import COPIES
from tests.recovery.standing import drop_what_is_kept_of_undone, unlike
from tests.recovery.wire import Answers, At, CutsShort, Moment, Stalls

PUT = re.compile(rb"POST /storage/v1/object/")
GET = re.compile(rb"GET /storage/v1/object/")


def answer(status, more=""):
    body = b'{"statusCode": "%d", "error": "x", "message": "x"}' % status
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{more}"
    return f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("500", lambda: Answers(PUT, answer(500), 2)),
        ("503", lambda: Answers(PUT, answer(503), 2)),
        ("429", lambda: Answers(PUT, answer(429, "Retry-After: 1\r\n"), 2)),
        ("hangs up", lambda: Answers(PUT, None, 2)),
        ("says nothing", lambda: Stalls(PUT, 1)),
        ("cuts a body short", lambda: CutsShort(GET, 120, 2)),
    ],
)
def test_what_storage_does_for_a_moment_is_tried_again(stage, cleared, name, fault):
    """The release comes to the same state; nothing is there twice."""
    with stage.http.faulty(fault()) as happened:
        code, said = stage.app.deployed()
    assert happened.left == 0, "the fault never came"
    assert code == 0, said
    assert unlike(stage.deployed, stage.standing()) == []


def deployed_afterwards(stage):
    """All is as it was; the next run is green, and can be undone."""
    assert unlike(stage.first, stage.standing()) == []
    code, said = stage.app.deployed()
    assert code == 0, said
    assert unlike(stage.deployed, stage.standing()) == []


def test_storage_that_stays_out_of_order_takes_nothing_with_it(stage, cleared):
    """The run ends red, and has undone what it did before."""
    with stage.http.faulty(Answers(PUT, answer(500), 10_000)):
        code, said = stage.app.deployed()
    assert code == 1, said
    assert "status 500" in said or "HTTPStatusError" in said or "StorageApiError" in said
    deployed_afterwards(stage)


def test_a_connection_that_is_cut_in_the_copy_comes_back(stage, cleared):
    """The run ends red with what was cut; what it did is undone over another connection."""
    cut = At(stage.database.cut, Moment(COPIES), cuts=False)
    with stage.database.faulty(cut):
        code, said = stage.app.deployed()
    assert cut.over.is_set()
    assert code == 1, said
    deployed_afterwards(stage)


def test_a_database_server_that_is_killed_in_the_copy(stage, cleared):
    """It recovers by its own log; nothing of ours that was not committed is there."""
    with stage.project.database.connect() as connection:
        data = Path(connection.execute("SHOW data_directory").fetchone()[0])

    def crash():
        pid = int((data / "postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, signal.SIGQUIT)  # what `pg_ctl stop -m immediate` sends: no clean end
        stage.database.cut()

    with stage.database.faulty(At(crash, Moment(COPIES), cuts=False)) as fault:
        code, said = stage.app.deployed()
    assert fault.over.is_set()
    assert code == 1, said
    restarted(data, stage)
    code, said = stage.app.deployed()
    assert code == 0, said
    assert unlike(stage.deployed, stage.standing()) == []


def restarted(data, stage):
    owner = data.stat()
    # The program that ran: its account may not get to where ours is installed.
    command = shlex.split((data / "postmaster.opts").read_text())
    process = subprocess.Popen(
        command,
        user=owner.st_uid,
        group=owner.st_gid,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    stage.late.append(process)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with suppress(TargetError), stage.project.database.connect():
            return
        time.sleep(0.2)


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_who_is_stopped_undoes_what_it_did(stage, cleared, sent):
    """In the middle of the uploads; the exit code is that of the signal."""
    process = stage.app.begun(*stage.app.deployment())
    stop = At(lambda: os.kill(process.pid, sent), Moment(PUT, nth=2), cuts=False)
    with stage.http.faulty(stop):
        said, _ = process.communicate(timeout=240)
    assert stop.over.is_set()
    assert process.returncode == {signal.SIGTERM: 143, signal.SIGINT: 2}[sent], said
    deployed_afterwards(stage)


def test_a_disk_that_is_full_changes_nothing(stage, cleared):
    """No file of ours can grow: the run ends before it has changed anything."""
    process = stage.app.begun(*stage.app.deployment(), largest_kb=20)
    said, _ = process.communicate(timeout=240)
    assert process.returncode != 0, said
    assert drop_what_is_kept_of_undone(stage.project) == []
    deployed_afterwards(stage)
