"""A run is killed with -9 anywhere: what it began is gone on with, or undone, to the last byte."""

import time

import pytest

from tests.recovery.cases import cases
from tests.recovery.standing import drop_what_is_kept_of_undone, unlike

_DYING_S = 10  # until the server has noticed that a client is gone


@pytest.mark.parametrize("case", cases(), ids=str)
def test_nothing_is_lost_and_there_is_a_way_back(stage, cleared, case, record_property):
    """What was killed is gone on with to the state of one that was not, or undone to the start."""
    record_property("crash", (case.begun, case.step, case.where, case.then))
    app = stage.app
    if case.begun == "undo":
        code, said = app.deployed()
        assert code == 0, said
    app.judge("red" if case.begun == "red" else "")
    stage.killed(case)
    app.judge("")
    if case.then == "deploy":
        code, said = app.deployed()
        assert code == 0, said
        if case.begun == "undo":  # it had been open to people
            drop_what_is_kept_of_undone(stage.project)
        assert unlike(stage.deployed, stage.standing()) == []
    stage.undone()
    assert unlike(stage.first, stage.standing()) == []
    deadline = time.monotonic() + _DYING_S
    while stage.sessions() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert stage.sessions() == 0
