"""A run is killed with -9 anywhere: what it began is gone on with, or undone, to the last byte."""

import time

import pytest

from pytest_deploy.providers.postgres.base import APPLICATION
from tests.recovery.cases import cases
from tests.recovery.standing import drop_what_is_kept_of_undone, standing, unlike
from tests.recovery.whole_app import killing
from tests.recovery.wire import At

_SESSIONS = """
SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND datname = current_database()
  AND pid <> pg_backend_pid()
"""
_DYING_S = 10  # until the server has noticed that a client is gone


@pytest.fixture(autouse=True)
def cleared(stage):
    """What one case leaves behind is not the next one's."""
    yield
    stage.app.judge("")
    if unlike(stage.first, standing(stage.project, stage.app)):
        stage.app.undone()
        drop_what_is_kept_of_undone(stage.project)


@pytest.mark.parametrize("case", cases(), ids=str)
def test_nothing_is_lost_and_there_is_a_way_back(stage, case, record_property):
    """What was killed is gone on with to the state of one that was not, or undone to the start."""
    record_property("crash", str(case))
    app = stage.app
    if case.begun == "undo":
        code, said = app.deployed()
        assert code == 0, said
    app.judge("red" if case.begun == "red" else "")
    _killed(stage, case)
    app.judge("")
    if case.then == "deploy":
        code, said = app.deployed()
        assert code == 0, said
        assert unlike(stage.deployed, standing(stage.project, app)) == []
    _undone(stage)
    assert unlike(stage.first, standing(stage.project, app)) == []
    assert _sessions_end(stage.project)


def _killed(stage, case):
    app, wire = stage.app, stage.http if case.on_http else stage.database
    command = app.release_undo() if case.begun == "undo" else app.deployment()
    process = app.begun(*command)
    with wire.faulty(At(killing(process), *case.moments)) as fault:
        said, _ = process.communicate(timeout=240)
    assert fault.over.is_set(), f"the moment never came:\n{said}"
    assert process.returncode == -9


def _undone(stage):
    """Take the way back; of a release that is over, or never was, there is none."""
    code, said = stage.app.undone()
    assert code == 0 or "there is no release that could be undone" in said, said
    kept = drop_what_is_kept_of_undone(stage.project)
    assert len(kept) <= 2  # also of one that was undone, and deployed again


def _sessions_end(project):
    deadline = time.monotonic() + _DYING_S
    while time.monotonic() < deadline:
        with project.database.connect(application_name="tests") as connection:
            if connection.execute(_SESSIONS, (APPLICATION,)).fetchone() == (0,):
                return True
        time.sleep(0.1)
    return False
