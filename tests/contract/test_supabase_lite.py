"""What the local Supabase promises: it answers, and nothing of it outlives its run."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from pytest_deploy.processes import started_at

PATIENCE_S = 20
RUN = """
import time
from pytest_deploy.providers.postgres import embedded
from pytest_deploy.providers.postgres.databases import create_database
from pytest_deploy.providers.supabase import lite
from pytest_deploy.workspace import Workspace
workspace = Workspace.create("killed")
with embedded.serve(workspace, reason="test") as server, create_database(server, "k") as target:
    with lite.serve(target, workspace.child("supabase")):
        pid = (workspace.path / "supabase" / "service.pid").read_text().strip()
        print(workspace.path, pid, flush=True)
        time.sleep(60)
"""


@pytest.fixture
def temporary_folder():
    """A folder that the server's account can pass through, which pytest's own is not as root."""
    folder = Path(tempfile.mkdtemp(prefix="contract-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


def test_service_ends_with_a_killed_run(temporary_folder):
    """After `kill -9` of the run, neither its service nor its folder is left."""
    run = subprocess.Popen(
        [sys.executable, "-c", RUN],
        env={**os.environ, "TMPDIR": str(temporary_folder)},
        stdout=subprocess.PIPE,
        text=True,
    )
    folder, pid = run.stdout.readline().split()
    assert started_at(int(pid)) is not None
    run.send_signal(signal.SIGKILL)
    run.wait()
    run.stdout.close()
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and (Path(folder).exists() or started_at(int(pid))):
        time.sleep(0.1)
    assert started_at(int(pid)) is None
    assert not Path(folder).exists()
