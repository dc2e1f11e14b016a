"""The private folder of a run: made for its owner only, and gone whatever ends the run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from pytest_deploy import workspace as module
from pytest_deploy.errors import ConfigError
from pytest_deploy.processes import Process, started_at
from pytest_deploy.workspace import Workspace, sweep

PATIENCE_S = 10

RUN = """
import os, sys, time
from pytest_deploy.workspace import Workspace
workspace = Workspace.create(sys.argv[1])
workspace.child("snapshot").joinpath("source.db").write_text("personal data")
workspace.child("pgdata", stays=True)
"""

FORKING = """
worker = os.fork()
if worker:
    print(workspace.path, worker, flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def temporary_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def start(release, code):
    return subprocess.Popen(
        [sys.executable, "-c", RUN + code, release],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def eventually(condition):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_folder_is_private_and_gone_when_closed():
    """Nobody but the owner can look into the folder, and closing removes it with all it holds."""
    workspace = Workspace.create("r1")
    (workspace.child("snapshot") / "source.db").write_text("personal data")
    assert workspace.path.stat().st_mode & 0o077 == 0
    assert workspace.path.parent.stat().st_mode & 0o077 == 0
    workspace.close()
    assert not workspace.path.exists()
    assert started_at(workspace._guardian.pid) is None


def test_closing_twice_is_fine():
    """A second `close` finds nothing to do."""
    workspace = Workspace.create("r1")
    workspace.close()
    workspace.close()


def test_live_neighbour_is_left_alone():
    """A run that starts while another one works removes nothing of it."""
    first = Workspace.create("r1")
    second = Workspace.create("r2")
    assert second.swept == ()
    assert first.path.is_dir()
    first.close()
    second.close()


def test_release_has_one_folder_only():
    """Two live runs cannot share a release."""
    workspace = Workspace.create("r1")
    with pytest.raises(ConfigError, match="File exists"):
        Workspace.create("r1")
    workspace.close()


@pytest.mark.parametrize("release", ["", "..", "a/b", ".lock", "a b"])
def test_release_must_be_a_file_name(release):
    """A release id cannot lead out of the temporary folder."""
    with pytest.raises(ConfigError, match="release id"):
        Workspace.create(release)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_guardian_removes_what_a_killed_run_left(end):
    """A run that dies by any signal is outlived by its guardian, which removes the folder."""
    # Whoever runs the tests under nohup ignores SIGHUP, and so would the run.
    heard = "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL)"
    run = start("r1", f"{heard}; print(workspace.path, flush=True); time.sleep(60)")
    folder = Path(run.stdout.readline().strip())
    assert folder.is_dir()
    run.send_signal(end)
    assert eventually(lambda: not folder.exists())
    run.communicate()


def test_guardian_is_not_held_up_by_a_forked_worker():
    """A forked worker inherits the guardian's pipe, and must not hide that the run died."""
    run = start("r1", FORKING)
    folder, worker = run.stdout.readline().split()
    run.kill()
    try:
        assert eventually(lambda: not Path(folder).exists())
    finally:
        os.kill(int(worker), signal.SIGKILL)
    run.communicate()


def test_guardian_does_not_hold_the_output_of_the_run():
    """Whoever reads the output of a run sees its end at once, not when the guardian ends."""
    run = start("r1", "print(workspace._guardian.pid, flush=True); os._exit(3)")
    began = time.monotonic()
    run.communicate(timeout=PATIENCE_S)
    assert time.monotonic() - began < PATIENCE_S
    assert run.returncode == 3


def test_next_run_removes_what_a_killed_guardian_could_not():
    """Where the guardian died too, the next run removes the folder and says so."""
    run = start("r1", "print(workspace.path, workspace._guardian.pid, flush=True); time.sleep(60)")
    folder, guardian = run.stdout.readline().split()
    os.kill(int(guardian), signal.SIGKILL)
    run.kill()
    run.communicate()
    assert Path(folder, "snapshot", "source.db").exists()
    workspace = Workspace.create("r2")
    assert workspace.swept == (folder,)
    assert not Path(folder).exists()
    workspace.close()


def test_unreaped_owner_counts_as_dead():
    """A run that was killed and not yet waited for by its parent does not live."""
    run = start("r1", "print(workspace._guardian.pid, flush=True); time.sleep(60)")
    os.kill(int(run.stdout.readline()), signal.SIGKILL)
    run.kill()
    assert eventually(lambda: len(sweep()) == 1)
    run.communicate()


def test_kept_run_leaves_only_what_stays():
    """A kept database stays until asked for; the snapshot with its personal data does not."""
    run = start("r1", "workspace.keep(); workspace.close(); print(workspace.path)")
    folder = Path(run.communicate()[0].strip())
    assert sorted(each.name for each in folder.iterdir()) == ["owner.json", "pgdata"]
    assert sweep() == ()
    assert sweep(include_kept=True) == (str(folder),)
    assert not folder.exists()


def test_kept_run_that_is_killed_leaves_only_what_stays():
    """Also when it is killed: the guardian removes what a kept database does not need."""
    run = start("r1", "workspace.keep(); print(workspace.path, flush=True); time.sleep(60)")
    folder = Path(run.stdout.readline().strip())
    run.kill()
    assert eventually(lambda: not (folder / "snapshot").exists())
    assert (folder / "pgdata").is_dir()
    run.communicate()


def owned(folder, **changes):
    """Make the folder of a run by hand, as its record tells."""
    folder.mkdir()
    process = {**vars(Process.this()), **changes}
    record = {"format": 1, "process": process, "kept": False, "stays": [], "containers": []}
    (folder / "owner.json").write_text(json.dumps(record))
    return folder


@pytest.mark.parametrize(
    ("changes", "removed"),
    [
        ({}, False),
        ({"started": "1"}, True),
        ({"boot": "another"}, True),
        ({"host": "another", "boot": "another", "started": "1"}, False),
    ],
    ids=["lives", "number was given to another process", "rebooted", "other machine"],
)
def test_only_an_owner_that_is_surely_dead_is_swept(changes, removed):
    """The number of a process alone says nothing, and of another machine nothing is known."""
    folder = owned(module._root() / "r1", **changes)
    assert sweep() == ((str(folder),) if removed else ())


@pytest.mark.parametrize("record", [None, "", "[]", '{"process": {}}'])
def test_folder_without_a_readable_owner_is_swept(record):
    """A run that was killed before it wrote its record is dead: the lock covers that moment."""
    folder = module._root() / "r1"
    folder.mkdir()
    if record is not None:
        (folder / "owner.json").write_text(record)
    assert sweep() == (str(folder),)


def test_read_only_folders_are_removed():
    """A snapshot of a read-only folder is read-only too, and goes all the same."""
    workspace = Workspace.create("r1")
    inside = workspace.child("snapshot") / "uploads" / "2024"
    inside.mkdir(parents=True)
    (inside / "photo.png").write_bytes(b"")
    inside.chmod(0o500)
    inside.parent.chmod(0o500)
    workspace.close()
    assert not workspace.path.exists()


def test_removal_does_not_follow_links(tmp_path):
    """A link inside the folder goes, what it points to stays."""
    outside = tmp_path / "outside"
    outside.mkdir()
    workspace = Workspace.create("r1")
    (workspace.path / "link").symlink_to(outside)
    workspace.close()
    assert outside.is_dir()


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o777])
def test_folder_made_by_somebody_else_is_refused(tmp_path, mode):
    """Where the parent is open to all, a prepared folder could be read by who made it."""
    root = tmp_path / f"pytest-deploy-{os.geteuid()}"
    root.mkdir()
    root.chmod(mode)
    with pytest.raises(ConfigError, match="closed to others"):
        Workspace.create("r1")


def test_link_in_place_of_the_folder_is_refused(tmp_path):
    """A link that somebody prepared is not followed."""
    (tmp_path / "trap").mkdir(mode=0o700)
    (tmp_path / f"pytest-deploy-{os.geteuid()}").symlink_to(tmp_path / "trap")
    with pytest.raises(ConfigError):
        Workspace.create("r1")


def test_server_of_somebody_else_is_not_ended():
    """A left-over number that now belongs to another process is no reason to end that one."""
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    folder = owned(module._root() / "r1", started="1")
    (folder / "pgdata").mkdir()
    (folder / "pgdata" / "postmaster.pid").write_text(f"{other.pid}\n{folder / 'pgdata'}\n")
    assert sweep() == (str(folder),)
    assert other.poll() is None
    other.kill()
    other.wait()
