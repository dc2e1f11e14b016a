"""Stopped in the middle of a load test: Locust and its workers end, and nothing of it stays."""

import json
import signal
import sqlite3
import subprocess
import time

import pytest
from load_rig import BROWSE
from test_interruption import PATIENCE_S, Run

CONFIGURATION = """
[app]
name = "app"
[source]
database = "app.db"
[gates.load]
users = 4
seconds = 600
"""


@pytest.fixture
def app(tmp_path):
    """An app with a load test of ten minutes."""
    connection = sqlite3.connect(tmp_path / "app.db")
    connection.execute("CREATE TABLE pages (id INTEGER PRIMARY KEY, title TEXT NOT NULL)")
    connection.execute("INSERT INTO pages VALUES (7, 'seven')")
    connection.commit()
    connection.close()
    (tmp_path / "loadtests").mkdir()
    (tmp_path / "loadtests/browse.py").write_text(BROWSE)
    (tmp_path / "deploy.toml").write_text(CONFIGURATION)
    return tmp_path


def wait_for_requests(run):
    """Wait until users ask."""
    deadline = time.monotonic() + 2 * PATIENCE_S
    while time.monotonic() < deadline:
        for path in run.temporary.glob("pytest-deploy-*/2*/load/browse.state"):
            if json.loads(path.read_text()).get("requests"):
                return
        assert run.process.poll() is None, run.process.communicate()[0]
        time.sleep(0.05)
    raise AssertionError("no request was made")


def processes_of_locust(run):
    listed = subprocess.run(
        ["ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True
    )
    mine = f"pytest_deploy.load {run.temporary}"
    return [line for line in listed.stdout.splitlines() if mine in line]


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 2), (signal.SIGKILL, -9)]
)
def test_nothing_of_a_stopped_load_test_stays(app, temporary, number, code):
    """By Ctrl-C, SIGTERM or `kill -9`: one process made the load, none is left."""
    run = Run(app, temporary, app / "app.db")
    wait_for_requests(run)
    assert len(processes_of_locust(run)) == 1
    run.process.send_signal(number)
    output = run.process.communicate(timeout=PATIENCE_S)[0]
    assert run.process.returncode == code, output
    assert "Traceback" not in output
    run.wait_until_nothing_is_left()
    assert processes_of_locust(run) == []
    if number != signal.SIGKILL:
        report = json.loads((app / "evidence/latest/report.json").read_text())
        assert report["verdict"] != "green"
        assert report["load"] is None
