"""The app's variables are switched and come back, on a real file and a real Postgres."""

import os
import signal
import subprocess
import sys
import time

import pytest

from pytest_deploy.errors import ConfigError, StepError
from pytest_deploy.steps.switch_configuration import SwitchConfiguration
from pytest_deploy.testing import check_step_contract

MARKER = "s3creto-que-no-sale"
CONTENT = f"# modo\r\nDATABASE_TYPE='sqlite' # hoy\r\nJWT_SECRET={MARKER}".encode()
AFTER = CONTENT.replace(b"sqlite", b"supabase") + b"\r\nAPI=https://p.example/rest/v1"
WANTED = {"DATABASE_TYPE": "supabase", "API": "{url}/rest/v1"}
URL_WITH_PASSWORD = f"postgres://app:{MARKER}@db/app"
REPLACING = """
import sys
from pathlib import Path
from pytest_deploy.transfer.replacing import read_plain, replace
file = Path(sys.argv[1])
while True:
    seen = read_plain(file)
    replace(file, seen, (b"b" if seen[:1] == b"a" else b"a") * 300_000)
"""


@pytest.fixture
def file(tmp_path):
    """An environment file that only its owner reads."""
    path = tmp_path / ".env.production"
    path.write_bytes(CONTENT)
    path.chmod(0o600)
    return path


def state_of(file):
    """Tell everything that the step may touch beside its own table."""
    return file.read_bytes(), file.stat().st_mode, sorted(one.name for one in file.parent.iterdir())


def test_the_step_keeps_the_contract(project, file):
    """Apply, compensate, as before, apply again, complete."""
    check_step_contract(SwitchConfiguration(project, "r-1", file, WANTED), lambda: state_of(file))
    assert file.read_bytes() == AFTER


def test_another_process_undoes_it(project, file):
    """It needs the release's id alone, and spares what a person added."""
    SwitchConfiguration(project, "r-2", file, WANTED).apply()
    file.write_bytes(file.read_bytes() + b"\r\nMINE=1\r\n")
    SwitchConfiguration(project, "r-2", file, {"OTHER": "x"}).compensate()
    assert file.read_bytes() == CONTENT + b"\r\nMINE=1\r\n"


def test_an_edit_of_a_switched_line_is_not_lost(project, file):
    """Undoing refuses, says no value, and works once the line is settled."""
    step = SwitchConfiguration(project, "r-3", file, WANTED)
    step.apply()
    edited = file.read_bytes().replace(b"'supabase'", MARKER.encode())
    file.write_bytes(edited)
    with pytest.raises(ConfigError) as raised:
        step.compensate()
    assert file.read_bytes() == edited
    assert MARKER not in str(raised.value)
    file.write_bytes(edited.replace(MARKER.encode(), b"'supabase'", 1))
    step.compensate()
    assert file.read_bytes() == CONTENT


def test_a_secret_is_not_taken_into_the_target(project, file):
    """Its way back would stand there in the clear."""
    file.write_text(f"API={URL_WITH_PASSWORD}\n")
    with pytest.raises(StepError, match="looks secret") as raised:
        SwitchConfiguration(project, "r-4", file, WANTED).apply()
    assert MARKER not in str(raised.value)
    assert file.read_text() == f"API={URL_WITH_PASSWORD}\n"


def test_a_link_is_refused(project, file, tmp_path):
    """Replacing it would cut it."""
    link = tmp_path / ".env"
    link.symlink_to(file)
    with pytest.raises(StepError, match="a link"):
        SwitchConfiguration(project, "r-5", link, WANTED).apply()
    assert file.read_bytes() == CONTENT


def test_a_killed_process_leaves_no_half_file(file):
    """Whenever it is killed, the file is one of both, whole."""
    file.write_bytes(b"a" * 300_000)
    for _ in range(5):
        process = subprocess.Popen([sys.executable, "-c", REPLACING, file])
        time.sleep(0.7)
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert file.read_bytes() in (b"a" * 300_000, b"b" * 300_000)
