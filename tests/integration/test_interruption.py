"""Stopped in the middle of the copy: by SIGTERM, Ctrl-C, kill -9. Nothing is left, and again is green."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

ROWS = 250_000
PATIENCE_S = 60


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A table that takes some seconds to copy."""
    path = tmp_path_factory.mktemp("large") / "large.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, texto TEXT, creado DATETIME)")
    connection.executemany(
        "INSERT INTO t VALUES (?, ?, '2026-01-01 10:00:00')",
        ((n, f"fila {n} " * 20) for n in range(ROWS)),
    )
    connection.commit()
    connection.close()
    return path


class Run:
    """One rehearsal in a process group of its own, with a temporary folder of its own."""

    def __init__(self, folder, temporary, source):
        self.folder = folder
        self.temporary = temporary
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "pytest", "--pyargs", "pytest_deploy.suites"),
                *("-m", "predeploy", "-p", "no:cacheprovider", f"--source={source}"),
                *("--postgres=embedded", f"--evidence={folder / 'evidence'}"),
            ],
            cwd=folder,
            env={**os.environ, "TMPDIR": str(self.temporary)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def wait_for(self, step, state):
        """Wait until the journal says so."""
        line = f'"step": "{step}", "state": "{state}"'
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            journals = list(self.folder.glob("evidence/2*/journal.jsonl"))
            if journals and line in max(journals).read_text():
                return
            assert self.process.poll() is None, self.process.communicate()[0]
            time.sleep(0.01)
        raise AssertionError(f"{step} was never {state}")

    def left_over(self):
        """Name what still runs or lies in the temporary folder."""
        found = [str(path) for path in self.temporary.glob("pytest-deploy-*/2*")]
        listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
        return found + [line for line in listed.stdout.splitlines() if str(self.temporary) in line]

    def wait_until_nothing_is_left(self):
        """Give the guardian a moment."""
        deadline = time.monotonic() + 20
        while self.left_over() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert self.left_over() == []


@pytest.mark.parametrize(
    ("number", "code", "by"), [(signal.SIGTERM, 143, "SIGTERM"), (signal.SIGINT, 2, "Ctrl-C")]
)
def test_a_stopped_run_is_undone(tmp_path, temporary, source, number, code, by):
    """Every step that began is compensated; one message says what happened."""
    before = source.read_bytes(), source.stat().st_mtime_ns
    run = Run(tmp_path, temporary, source)
    run.wait_for("copy_rows", "started")
    run.process.send_signal(number)
    output = run.process.communicate(timeout=PATIENCE_S)[0]
    assert run.process.returncode == code, output
    assert output.count(f"InterruptError: run stopped by {by}") == 1
    assert "Traceback" not in output
    journal = (tmp_path / "evidence/latest/journal.jsonl").read_text().splitlines()
    states = [(entry["step"], entry["state"]) for entry in map(json.loads, journal)]
    begun = [step for step, state in states if state == "started"]
    assert [step for step, state in states if state == "compensated"] == begun[::-1]
    run.wait_until_nothing_is_left()
    assert (source.read_bytes(), source.stat().st_mtime_ns) == before
    assert [path.name for path in source.parent.iterdir()] == [source.name]


def test_killed_in_the_middle_of_the_copy_and_run_again(tmp_path, temporary, source):
    """`kill -9`: the guardian removes all of it; the same command again is green."""
    run = Run(tmp_path, temporary, source)
    run.wait_for("copy_rows", "started")
    run.process.kill()
    run.process.communicate()
    run.wait_until_nothing_is_left()
    again = Run(tmp_path, temporary, source)
    output = again.process.communicate(timeout=PATIENCE_S)[0]
    assert again.process.returncode == 0, output
    report = json.loads((tmp_path / "evidence/latest/report.json").read_text())
    assert report["verdict"] == "green"
    assert [table["rows_target"] for table in report["tables"]] == [ROWS]
    again.wait_until_nothing_is_left()
