"""The app is kept from writing and let go again: by a flag, or by commands; a real ledger."""

import sys

import pytest

from pytest_deploy.config.freeze import FreezeSettings
from pytest_deploy.engine.step import Observed
from pytest_deploy.errors import StepError
from pytest_deploy.secrets import SEAL_KEY
from pytest_deploy.steps.freeze_source import FreezeSource
from pytest_deploy.testing import check_step_contract

MARKER = "s3creto-que-no-sale"
NOTES = "import os, sys; open('ran', 'a').write(sys.argv[1] + str({key!r} in os.environ))"


@pytest.fixture
def by_flag(project, tmp_path):
    """A step that makes a flag."""
    settings = FreezeSettings(flag=tmp_path / "MAINTENANCE")
    return FreezeSource(project, "r-1", settings, tmp_path)


def by_command(project, folder, code, undo="pass"):
    """A step that runs Python."""
    settings = FreezeSettings(
        command=(sys.executable, "-c", code, "frozen "),
        undo=(sys.executable, "-c", undo, "thawed "),
        timeout_s=20,
    )
    return FreezeSource(project, "r-1", settings, folder)


def test_the_step_keeps_the_contract(by_flag, tmp_path):
    """Apply, again, undo, again: each leaves what it should."""
    check_step_contract(by_flag, lambda: sorted(path.name for path in tmp_path.iterdir()))


def test_a_flag_of_somebody_else_is_left_alone(by_flag, tmp_path):
    """Neither taken for ours, nor removed."""
    flag = tmp_path / "MAINTENANCE"
    flag.write_text("Ana, until noon")
    assert by_flag.observe() is Observed.NOTHING
    with pytest.raises(StepError, match="freeze_source") as raised:
        by_flag.apply()
    assert "that this release has not made" in raised.value.problem
    assert "Ana" not in str(raised.value)
    by_flag.compensate()
    assert flag.read_text() == "Ana, until noon"


def test_commands_run_where_the_configuration_is(project, tmp_path, monkeypatch):
    """And without the key that seals."""
    monkeypatch.setenv(SEAL_KEY, MARKER)
    notes = NOTES.format(key=SEAL_KEY)
    step = by_command(project, tmp_path, notes, notes)
    step.apply()
    step.compensate()
    assert (tmp_path / "ran").read_text() == "frozen Falsethawed False"


@pytest.mark.parametrize(
    ("code", "seen"),
    [
        (f"print('{MARKER}'); raise SystemExit(3)", "exit code 3"),
        ("import time; time.sleep(60)", "no end after 1 s"),
    ],
)
def test_a_command_that_fails_stops_everything(project, tmp_path, code, seen):
    """What it prints is told nowhere."""
    settings = FreezeSettings(
        command=(sys.executable, "-c", code), undo=(sys.executable, "-c", "pass"), timeout_s=1
    )
    with pytest.raises(StepError) as raised:
        FreezeSource(project, "r-1", settings, tmp_path).apply()
    assert seen in raised.value.problem
    assert MARKER not in str(raised.value)


@pytest.mark.parametrize(
    "told",
    [{}, {"command": ("a",)}, {"undo": ("a",)}, {"flag": "f", "command": ("a",), "undo": ("b",)}],
)
def test_half_a_freeze_is_refused(told):
    """A command without its way back, both ways, or none."""
    with pytest.raises(ValueError, match="a flag, or a command with its undo"):
        FreezeSettings(**told)
