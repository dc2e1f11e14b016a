"""The score of red twins: what is green, what is missed, and how it reads."""

import pytest

from pytest_deploy.report.red_twins import Score, TwinResult, TwinState
from pytest_deploy.report.results import PhaseVerdict
from pytest_deploy.report.score import markdown, score_lines

CAUGHT = TwinResult(
    "row dropped", "rows", TwinState.CAUGHT, ("rows", "cells"), 1.5, "", ("rows", "cells", "keys")
)
ALSO = TwinResult(
    "row dropped", "cells", TwinState.CAUGHT, ("rows", "cells"), 1.5, "", ("rows", "cells", "keys")
)
MISSED = TwinResult(
    "key lost",
    "keys",
    TwinState.MISSED,
    (),
    1.0,
    "the gate is green all the same",
    ("rows", "keys"),
)
NOWHERE = TwinResult("float off", "cells", TwinState.NOT_APPLICABLE, note="the source has no float")


@pytest.mark.parametrize(
    ("score", "verdict"),
    [
        (Score((CAUGHT, ALSO)), PhaseVerdict.GREEN),
        (Score((CAUGHT, NOWHERE)), PhaseVerdict.GREEN),
        (Score((CAUGHT, MISSED)), PhaseVerdict.RED),
        (Score((CAUGHT,), ("ages",)), PhaseVerdict.RED),
        (Score((NOWHERE,)), PhaseVerdict.UNPROVEN),
        (Score(()), PhaseVerdict.UNPROVEN),
        (Score((CAUGHT,), whole=False), PhaseVerdict.PARTIAL),
        (Score((MISSED,), whole=False), PhaseVerdict.RED),
    ],
)
def test_the_verdict(score, verdict):
    """Missed and without a twin are red; what was planted nowhere proves nothing."""
    assert score.verdict is verdict


def test_a_report_is_read_as_it_was_told():
    """A run with a defect hands its outcome over as JSON."""
    score = Score((CAUGHT, ALSO, MISSED, NOWHERE), ("ages",))
    assert Score.of_report(score.as_report()) == score


def test_the_table_has_gates_by_defects():
    """One line for each defect, one column for each gate."""
    lines = [line for line, _ in score_lines(Score((CAUGHT, ALSO, MISSED, NOWHERE), ("ages",)))]
    rows = {line[10:44].strip(): line[44:] for line in lines if line.startswith(" " * 10)}
    assert lines[0] == "red twins 2 caught, 1 missed, 1 not applicable (3 defects)"
    assert next(score_lines(Score((CAUGHT,))))[0].endswith("(1 defect)")
    assert rows["row dropped"] == "##."
    assert rows["key lost"] == ". !"
    assert rows["float off"] == ""
    assert any("MISSED key lost, by keys: the gate is green all the same" in line for line in lines)
    assert any("WITHOUT A TWIN ages" in line for line in lines)


def test_the_table_for_a_readme():
    """What was not caught is marked, so that the table says no more than a run has shown."""
    assert markdown(Score((CAUGHT, MISSED, NOWHERE), ("ages",))).splitlines()[2:] == [
        "| `rows` | row dropped |",
        "| `keys` | key lost (**missed**) |",
        "| `cells` | float off (**not applicable**) |",
        "| `ages` | **no defect yet** |",
    ]
