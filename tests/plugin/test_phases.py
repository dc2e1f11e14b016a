"""Phases come from folders, in their order; closed gates keep later ones closed."""

from pathlib import Path

import pytest
from projects import GREEN

from pytest_deploy import suites
from pytest_deploy.gates.required import required_gates


def test_gates_are_marked_by_their_folder_wherever_suites_stand(project):
    """suites/, ops/suites/: the folder directly inside names the phase."""
    project.gates("nightly", uno=GREEN)
    project.gates("nightly", folder="ops/suites", file="test_more.py", dos=GREEN)
    project.gates("deploy", file="test_other.py", tres=GREEN)
    project.write("tests/test_plain.py", "def test_nothing(): pass")
    result = project.run("-m", "nightly", "--collect-only", "-q")
    result.stdout.fnmatch_lines(["*test_more.py::test_dos", "*test_gates.py::test_uno"])
    result.stdout.no_fnmatch_line("*test_tres*")
    result.stdout.no_fnmatch_line("*test_nothing*")


def test_phases_run_in_their_order_and_gates_as_far_as_they_need(project):
    """predeploy before deploy, whatever the names; few fixtures before many."""
    project.gates("postdeploy", file="test_a.py", last=GREEN)
    project.gates("deploy", file="test_z.py", second=GREEN)
    project.write(
        "suites/nightly/test_chain.py",
        """
        import pytest
        @pytest.fixture(scope="session")
        def one(): pass
        @pytest.fixture(scope="session")
        def two(one): pass
        def test_far(gate, two): pass
        def test_near(gate): pass
        def test_middle(gate, one): pass
        """,
    )
    lines = project.run("--collect-only", "-q").stdout.lines
    names = [line.rpartition("::test_")[2] for line in lines if "::test_" in line]
    assert names == ["second", "last", "near", "middle", "far"]


def test_a_dry_run_writes_nothing(project):
    """--collect-only lists the gates, --setup-plan the steps."""
    project.gates("nightly", uno=GREEN)
    for option in ("--collect-only", "--setup-plan"):
        assert project.run("-m", "nightly", option).ret == 0
    assert not (project.path / ".deploy").exists()


@pytest.mark.parametrize("phase", ["predeploy", "deploy"])
def test_the_packages_own_phases_have_a_dry_run(project, phase):
    """What would be asked and what would be done, in order; nothing is written, nothing started."""
    package = ("--pyargs", "pytest_deploy.suites", "-m", phase)
    listed = project.run(*package, "--collect-only", "-q")
    planned = project.run(*package, "--setup-plan")
    assert (listed.ret, planned.ret) == (0, 0)
    gates = required_gates(Path(suites.__file__).parent, phase)
    shown = {line.rpartition("::test_")[2] for line in listed.stdout.lines if "::test_" in line}
    assert shown == gates
    planned.stdout.fnmatch_lines(["*SETUP    S deploy"])
    if phase == "predeploy":
        steps = ("ledger_prepared", "schema_created", "rows_copied", "constraints_added")
        order = (*steps, "sequences_set", "programs_created", "deployment_plan")
        planned.stdout.fnmatch_lines([f"*SETUP    S {step}*" for step in order])
    assert not (project.path / ".deploy").exists()


def test_a_changing_phase_stops_at_its_first_closed_gate(project):
    """What comes after a closed gate of `cutover` does not run."""
    red = "gate.judge(Verdict(1, 'cosa', ('no vale',)))"
    project.gates("cutover", a=GREEN, b=red, c=GREEN)
    result = project.run("-m", "cutover")
    result.assert_outcomes(passed=1, failed=1)
    assert result.ret == 1
    assert project.report()["gates_missing"] == {"cutover": ["c"]}
    assert project.report()["verdict"] == "red"


def test_a_phase_that_changes_nothing_names_all_that_is_wrong(project):
    """Every gate of `nightly` runs, closed ones before it or not."""
    red = "gate.judge(Verdict(1, 'cosa', ('no vale',)))"
    project.gates("nightly", a=red, b=red, c=GREEN)
    project.run("-m", "nightly").assert_outcomes(passed=1, failed=2)


def test_a_red_phase_keeps_the_next_one_from_beginning(project):
    """deploy does not begin after a predeploy that is not green."""
    project.gates("predeploy", a=GREEN)  # the package's own gates never ran: unproven
    project.gates("deploy", file="test_other.py", b=GREEN)
    result = project.run()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*deploy is not begun*"])
    assert result.ret == 1


def test_only_an_own_suite_leaves_required_gates_unproven(project):
    """The package's gates are required, also where only ops/suites was asked for."""
    project.gates("predeploy", folder="ops/suites", a=GREEN)
    result = project.run("-m", "predeploy", "ops/suites")
    assert result.ret == 1
    report = project.report()
    assert report["verdict"] == "unproven"
    assert "every_cell_matches" in report["gates_missing"]["predeploy"]
    result.stdout.fnmatch_lines(["*NEVER RAN every_cell_matches*"])


def test_sharing_a_phase_out_is_refused_other_tests_may_be(project):
    """pytest-xdist would run every step once a worker."""
    project.gates("nightly", a=GREEN)
    project.write("tests/test_plain.py", "def test_nothing(): pass")
    for arguments in (("-m", "nightly"), ("suites",), ()):
        result = project.run("-n", "2", *arguments)
        assert result.ret == 4, arguments
        result.stderr.fnmatch_lines(["*-n: a deployment cannot be shared out*"])
    assert project.run("-n", "2", "tests").ret == 0
