"""Nothing is green that was not proven: the evidence floor, skips, selections, setup errors."""

import pytest
from projects import GREEN, REQUIRED


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("pass", "examined nothing"),
        ("gate.judge(Verdict(0, 'filas'))", "examined nothing"),
        ("pytest.skip('hoy no')", "skipped"),
        ("@pytest.mark.skip\npass", "skipped"),
        ("@pytest.mark.xfail\nassert False", "*"),
        (f"@pytest.mark.xfail\n{GREEN}", "*"),
    ],
)
def test_what_proves_nothing_is_unproven(project, body, why):
    """Empty, skipped, expected to fail, unexpectedly passed: exit code 1."""
    project.gates("nightly", a=GREEN, b=body)
    result = project.run("-m", "nightly")
    assert result.ret == 1
    states = {gate["name"]: gate["state"] for gate in project.report()["gates"]}
    assert states == {"a": "green", "b": "unproven"}
    assert project.report()["verdict"] == "unproven"
    result.stdout.fnmatch_lines([f"*UNPROVEN  b: *{why}*"])
    assert "b: b is unproven" not in str(result.stdout)


def test_green_is_green(project):
    """All gates judged, all of them green: exit code 0."""
    # Those that the phase requires, by their names.
    twice = f"{GREEN}\n{GREEN}"
    project.gates("nightly", **{**REQUIRED, "volumes_are_within_bounds": twice})
    assert project.run("-m", "nightly").ret == 0
    report = project.report()
    assert report["verdict"] == "green"
    assert [(g["name"], g["examined"], g["unit"]) for g in report["gates"]] == [
        *((name, 3, "cosas") for name in sorted(REQUIRED) if name != "volumes_are_within_bounds"),
        ("volumes_are_within_bounds", 6, "cosas"),
    ]


def test_the_summary_says_what_to_do_next(project):
    """The remedy of each gate that is closed, once, and the command."""
    closed = "gate.judge(Verdict(1, 'cosa', ('no',), remedy='mend it; see runbooks/x.md'))"
    project.gates("nightly", a=closed, b=closed, c=GREEN)
    result = project.run("-m", "nightly")
    result.stdout.fnmatch_lines(
        [
            "GateClosedError: gate 'a': 1 problem in 1 cosa",
            "next      Mend it; see runbooks/x.md",
            "          Then run the whole phase again:",
            "            pytest -m nightly",
        ],
        consecutive=False,
    )
    assert str(result.stdout).count("Mend it") == 1


@pytest.mark.parametrize(
    ("arguments", "typed"),
    [
        (("suites",), "pytest suites -m nightly"),
        (("--pyargs", "suites"), "pytest --pyargs suites -m nightly"),
        (("suites/nightly/test_gates.py",), "pytest -m nightly"),
    ],
)
def test_the_next_command_is_the_one_that_was_typed(project, arguments, typed):
    """But for the whole phase."""
    project.gates("nightly", a="gate.judge(Verdict(1, 'cosa', ('no',)))")
    result = project.run("-m", "nightly", *arguments)
    result.stdout.fnmatch_lines(["*Then run the whole phase again:", f"            {typed}"])


def test_a_gate_takes_as_long_as_what_it_was_the_first_to_need(project):
    """A fixture of the session counts once, for the gate that it was made for."""
    project.write(
        "conftest.py",
        """
        import time
        import pytest

        @pytest.fixture(scope="session", autouse=True)
        def slow():
            time.sleep(0.5)
            yield
            time.sleep(0.5)
        """,
    )
    project.gates("nightly", a=f"import time; time.sleep(0.3); {GREEN}", b=GREEN)
    project.run("-m", "nightly")
    first, second = (gate["seconds"] for gate in project.report()["gates"])
    assert first >= 0.8
    assert 0 < second < 0.3


@pytest.mark.parametrize(
    "selection",
    [
        ("-k", "test_a"),
        ("suites/nightly/test_gates.py",),
        ("suites/nightly/test_gates.py::test_a",),
        ("--deselect", "suites/nightly/test_gates.py::test_b"),
    ],
)
def test_a_selection_is_partial(project, selection):
    """Fine while working, and said."""
    project.gates("nightly", a=GREEN, b=GREEN)
    result = project.run("-m", "nightly", *selection)
    assert result.ret == 0
    assert project.report()["verdict"] == "partial"
    result.stdout.fnmatch_lines(["verdict   PARTIAL*no later phase accepts*"])


def test_the_last_failed_are_a_selection(pytester, project):
    """--lf runs what failed: that is not the phase."""
    project.gates("nightly", a=GREEN, b="gate.judge(Verdict(1, 'cosa', ('no',)))")
    assert pytester.runpytest_subprocess("-m", "nightly").ret == 1
    project.gates("nightly", a=GREEN, b=GREEN)
    assert pytester.runpytest_subprocess("-m", "nightly", "--lf").ret == 0
    assert project.report()["verdict"] == "partial"


@pytest.mark.parametrize("selection", [("-k", "test_a"), ("suites/deploy/test_gates.py",)])
def test_a_selection_of_a_changing_phase_is_refused(project, selection):
    """Before anything is written."""
    project.gates("deploy", a=GREEN, b=GREEN)
    result = project.run("-m", "deploy", *selection)
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*a selection of deploy*"])
    assert not (project.path / ".deploy").exists()


def test_one_failure_is_told_once(project):
    """What needs the same broken fixture is unreached; the summary has it in one line."""
    project.write(
        "suites/nightly/test_broken.py",
        """
        import pytest
        from pytest_deploy.errors import TargetError
        @pytest.fixture(scope="session")
        def broken():
            raise TargetError("the target", problem="expected it, seen none",
                              where="--postgres", remedy="start it")
        def test_a(gate, broken): pass
        def test_b(gate, broken): pass
        def test_c(gate, broken): pass
        """,
    )
    result = project.run("-m", "nightly")
    assert result.ret == 1
    text = result.stdout.str()
    assert text.count("expected it, seen none") == 2
    assert "Traceback" not in text
    assert "def broken" not in text
    result.stdout.fnmatch_lines(
        [
            "TargetError: the target",
            "  expected it, seen none",
            "  configured in --postgres",
            "  start it",
            "          RED       a: TargetError: the target: expected it, seen none",
            "*2 unreached*",
        ]
    )
    assert [gate["state"] for gate in project.report()["gates"]] == [
        "red",
        "unreached",
        "unreached",
    ]


def test_a_failing_way_back_makes_the_gate_red(project):
    """A compensation that fails is no detail."""
    project.write(
        "suites/nightly/test_back.py",
        """
        import pytest
        from pytest_deploy.errors import StepError
        from pytest_deploy.gates.verdict import Verdict
        @pytest.fixture(scope="session")
        def step():
            yield
            raise StepError("the way back", problem="p", where="w", remedy="r")
        def test_a(gate, step): gate.judge(Verdict(1, "cosa"))
        """,
    )
    assert project.run("-m", "nightly").ret == 1
    assert project.report()["verdict"] == "red"


def test_a_suite_that_cannot_be_imported_proves_nothing(project):
    """Also where pytest is told to go on without it: its gates never ran."""
    project.gates("nightly", **REQUIRED)
    project.write("suites/nightly/test_own.py", "import no_such_module")
    result = project.run("-m", "nightly", "--continue-on-collection-errors")
    assert result.ret == 1
    assert project.report()["verdict"] == "unproven"
    assert project.report()["gates_missing"] == {"nightly": ["test_own.py"]}


@pytest.mark.parametrize("ignored", ["suites/nightly/test_own.py", "*own*", "by conftest"])
def test_an_ignored_suite_is_a_part_left_out(project, ignored):
    """By an option, or by a conftest.py: that is no whole phase."""
    project.gates("nightly", **REQUIRED)
    project.gates("nightly", file="test_own.py", own="assert False")
    options = (f"--ignore={ignored}", f"--ignore-glob={ignored}")
    if ignored == "by conftest":
        project.write("conftest.py", 'collect_ignore = ["suites/nightly/test_own.py"]')
        options = ()
    assert project.run("-m", "nightly", *options).ret == 0
    assert project.report()["verdict"] == "partial"
