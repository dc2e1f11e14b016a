"""Red outweighs unproven, unproven outweighs partial; only the rest is green."""

import pytest

from pytest_deploy.errors import GateClosedError
from pytest_deploy.gates.required import gate_name, required_gates
from pytest_deploy.gates.verdict import Check, CheckState, GateRecord, Verdict
from pytest_deploy.report.results import GateResult, GateState, PhaseVerdict, Results, worst

REQUIRED = frozenset({"a", "b"})


@pytest.mark.parametrize(
    ("states", "selected", "expected"),
    [
        ({"a": "green", "b": "green"}, False, "green"),
        ({"a": "green", "b": "red"}, False, "red"),
        ({"a": "unproven", "b": "red"}, True, "red"),
        ({"a": "green", "b": "unproven"}, False, "unproven"),
        ({"a": "green", "b": "unreached"}, False, "unproven"),
        ({"a": "green"}, False, "unproven"),
        ({"a": "green"}, True, "partial"),
        ({}, False, "unproven"),
    ],
)
def test_the_verdict_of_a_phase(states, selected, expected):
    """Each row of the table."""
    results = Results()
    results.expect("predeploy", states)
    if selected:
        results.selected_only.add("predeploy")
    for name, state in states.items():
        results.add(GateResult(name, "predeploy", GateState(state)))
    assert results.verdict("predeploy", REQUIRED) is PhaseVerdict(expected)


def test_a_later_failure_outweighs():
    """A gate whose way back fails is not green any more, and stays so."""
    results = Results()
    for state in (GateState.GREEN, GateState.RED, GateState.GREEN):
        results.add(GateResult("a", "predeploy", state))
    assert [result.state for result in results.gates] == [GateState.RED]


def test_the_worst_of_several_phases():
    """Nothing at all is unproven."""
    assert worst([PhaseVerdict.GREEN, PhaseVerdict.PARTIAL]) is PhaseVerdict.PARTIAL
    assert worst([]) is PhaseVerdict.UNPROVEN


def test_a_record_adds_verdicts_up_and_closes_on_problems():
    """At most twenty problems are told, the others counted."""
    record = GateRecord("a", "predeploy")
    record.judge(Verdict(2, "filas", measured={"n": 1}))
    with pytest.raises(GateClosedError, match=r"\+5 more"):
        record.judge(Verdict(3, "filas", tuple(f"p{n}" for n in range(25))))
    assert (record.examined, record.unit, len(record.problems)) == (5, "filas", 25)
    assert record.measured == {"n": 1}


def test_required_gates_are_read_without_importing(tmp_path):
    """A suite that cannot be imported still requires its gates."""
    suite = tmp_path / "predeploy"
    suite.mkdir()
    (suite / "test_a.py").write_text("import nowhere\ndef test_x(): ...\ndef helper(): ...\n")
    (suite / "conftest.py").write_text("def test_not_a_gate(): ...\n")
    assert required_gates(tmp_path, "predeploy") == {"x"}
    assert required_gates(tmp_path, "deploy") == frozenset()
    assert gate_name("test_x[1]") == "x[1]"


@pytest.mark.parametrize(
    ("states", "said"),
    [
        (("holds", "holds"), ""),
        (("holds", "unproven"), "1 of 2 checks prove nothing: b"),
        (("unproven", "fails"), "2 of 2 checks prove nothing: a; +1 more"),
        ((), ""),
    ],
)
def test_a_check_that_does_not_hold_leaves_its_gate_unproven(states, said):
    """Also where the gate examined something and named no problem."""
    record = GateRecord("a", "predeploy")
    checks = tuple(Check(name, CheckState(s)) for name, s in zip("ab", states, strict=False))
    record.judge(Verdict(2, "rules", checks=checks))
    assert record.unproven == said
    assert GateRecord("b", "predeploy").unproven == "it examined nothing"


def test_what_was_not_examined_says_why_and_what_to_do():
    """Where the gate knows it."""
    record = GateRecord("a", "predeploy")
    checks = (Check("the target is like it", CheckState.UNPROVEN, "nothing answers"),)
    record.judge(Verdict(0, "settings", checks=checks, remedy="start it"))
    assert record.unproven == "it examined nothing: the target is like it: nothing answers"
    assert record.remedy == "start it"
