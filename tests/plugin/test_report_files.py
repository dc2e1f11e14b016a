"""Every run leaves its page, its summary and its line in the history, however it ends."""

import os
import sqlite3
from contextlib import closing

import pytest
from projects import GREEN

from pytest_deploy.cli import main

RED = "gate.judge(Verdict(1, 'cosa', ('no vale',)))"
FILES = ("report.json", "report.html", "summary.md")


def history(project):
    with closing(sqlite3.connect(project.path / ".deploy/history.sqlite")) as connection:
        return connection.execute(
            "SELECT phase, verdict, errors, rolled_back, whole FROM releases ORDER BY started_at, release"
        ).fetchall()


@pytest.mark.parametrize(
    ("phase", "body", "code", "line", "headline"),
    [
        ("nightly", GREEN, 0, ("green", "[]", 0, 1), "Yes. Every gate is green."),
        ("nightly", RED, 1, ("red", '["a"]', 0, 1), "No. Do not deploy."),
        ("nightly", "pass", 1, ("unproven", '["unproven"]', 0, 1), "Not yet."),
        (
            "nightly",
            "raise KeyboardInterrupt",
            2,
            ("unproven", '["InterruptError"]', 0, 1),
            "Not yet.",
        ),
        ("nightly", "raise KeyError(1)", 1, ("red", '["KeyError"]', 0, 1), "No. Do not deploy."),
        ("cutover", RED, 1, ("red", '["a"]', 0, 1), "No. Cutover did not go through."),
    ],
)
def test_every_end_is_told(project, phase, body, code, line, headline):
    """Green, red, unproven, interrupted: page, summary, history and report agree."""
    project.gates(phase, a=body)
    project.required(phase)
    result = project.run("-m", phase)
    assert result.ret == code
    assert history(project) == [(phase, *line)]
    report = project.report()
    assert [one["release"] for one in report["history"]] == [report["release"]]
    assert report["history"][0]["verdict"] == report["verdict"]
    for name in FILES[1:]:
        assert headline in (project.path / ".deploy/latest" / name).read_text()
    result.stdout.fnmatch_lines(["report * *report.html"])


def test_sigterm_leaves_its_line(project):
    """As Ctrl-C does."""
    project.gates("nightly", a="import os, signal\nos.kill(os.getpid(), signal.SIGTERM)")
    assert project.run("-m", "nightly").ret == 143
    assert history(project) == [("nightly", "unproven", '["InterruptError"]', 0, 1)]
    assert "stopped by SIGTERM" in project.report()["trouble"]


def test_a_step_that_was_undone_counts_as_a_rollback(project):
    """Where the phase changes a target."""
    project.write(
        "suites/cutover/test_gates.py",
        """
        import pytest
        from pytest_deploy.engine.step import Observed
        from pytest_deploy.gates.verdict import Verdict

        class Step:
            name = "switch_traffic"
            def observe(self): return Observed.NOTHING
            def apply(self): return {}
            def compensate(self): pass
            def complete(self): pass

        @pytest.fixture(scope="session")
        def switched(deploy):
            with deploy.deployment.step(Step()):
                yield

        def test_a(gate, switched): gate.judge(Verdict(1, "cosa", ("no",)))
        """,
    )
    project.run("-m", "cutover")
    assert history(project) == [("cutover", "red", '["a"]', 1, 1)]


def test_a_selection_is_remembered_as_one(project, capsys):
    """And counts in no rate."""
    project.gates("nightly", a=GREEN, b=RED)
    for selection in ("test_a", "test_b"):
        project.run("-m", "nightly", "-k", selection)
    assert [line[1:] for line in history(project)] == [
        ("partial", "[]", 0, 0),
        ("red", '["b"]', 0, 0),
    ]
    assert main(["history", f"--evidence={project.path / '.deploy'}"]) == 0
    assert "0 releases, and 2 of a selection, which count in no rate" in capsys.readouterr().out


@pytest.mark.parametrize("body", [GREEN, RED])
def test_a_broken_history_is_told_and_decides_nothing(project, body):
    """The verdict and the exit code are those of the gates."""
    (project.path / ".deploy").mkdir()
    (project.path / ".deploy/history.sqlite").write_text("no database at all, and long enough" * 9)
    project.gates("nightly", a=body)
    project.required("nightly")
    result = project.run("-m", "nightly")
    assert result.ret == (0 if body == GREEN else 1)
    result.stdout.fnmatch_lines(["EvidenceError: history *", "*runbooks/report-trouble.md*"])
    report = project.report()
    assert report["verdict"] == ("green" if body == GREEN else "red")
    assert report["history"] == []
    assert "history" in report["trouble"]


def test_a_page_that_cannot_be_written_is_told(project):
    """The verdict is printed all the same, and the exit code is that of an internal error."""
    project.gates("nightly", a="deploy.release.folder.joinpath('report.html').mkdir()\n" + GREEN)
    project.required("nightly")
    suite = project.path / "suites/nightly/test_gates.py"
    suite.write_text(suite.read_text().replace("(gate)", "(gate, deploy)"))
    result = project.run("-m", "nightly")
    assert result.ret == 3
    result.stdout.fnmatch_lines(["verdict   GREEN*", "EvidenceError: report *report.html"])
    assert project.report()["verdict"] == "green"


def test_a_figure_that_no_report_can_hold_is_told(project):
    """Whatever goes wrong with a report, the verdict is printed."""
    project.gates("nightly", a="gate.judge(Verdict(1, 'cosa', measured={'x': {1, 2}}))")
    project.required("nightly")
    result = project.run("-m", "nightly")
    assert result.ret == 3
    result.stdout.fnmatch_lines(["verdict   GREEN*", "EvidenceError: report report.json"])
    result.stdout.no_fnmatch_line("*INTERNALERROR*")


def test_a_job_on_github_gets_summary_and_annotations(project, monkeypatch):
    """What was in the summary before stays."""
    summary = project.path / "step.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    project.gates("nightly", a=RED)
    result = project.run("-m", "nightly")
    assert summary.read_text().startswith("before\n## ")
    assert "No. Do not deploy." in summary.read_text()
    result.stdout.fnmatch_lines(
        [
            "::error title=nightly on rehearsal%3A RED::No. *",
            "::error title=gate a is red::no vale*",
        ]
    )


def test_elsewhere_there_are_no_annotations(project):
    """They are noise on a terminal."""
    project.gates("nightly", a=RED)
    project.run("-m", "nightly").stdout.no_fnmatch_line("*::error*")


def test_a_page_is_rendered_again_from_its_report(project, capsys):
    """Of the last release, or of one that is named; byte by byte the same."""
    project.gates("nightly", a=GREEN)
    project.run("-m", "nightly")
    release, evidence = project.report()["release"], f"--evidence={project.path / '.deploy'}"
    page = project.path / ".deploy" / release / "report.html"
    written = page.read_bytes()
    page.unlink()
    assert main(["report", release, evidence]) == 0
    assert page.read_bytes() == written
    assert str(page) in capsys.readouterr().out
    assert main(["report", evidence]) == 0
    assert main(["report", "20000101-000000-0000", evidence]) == 1
    assert "cannot be read: No such file" in capsys.readouterr().err
    (project.path / ".deploy/latest/report.json").write_text('{"format": 1}')
    assert main(["report", evidence]) == 1
    assert "cannot be rendered: KeyError" in capsys.readouterr().err


def test_a_dry_run_leaves_no_line(project):
    """Nothing ran."""
    project.gates("nightly", a=GREEN)
    project.run("-m", "nightly", "--collect-only")
    assert not os.path.lexists(project.path / ".deploy")


def test_no_name_of_a_table_is_a_command_or_an_escape(project):
    """On the terminal, where CI reads along, as in the problem of a gate and in its traceback."""
    name = r"tabla\n::error::planted\x1b[31m\u202e"
    project.gates("nightly", a=f"gate.judge(Verdict(1, 'x', ('{name}: lost',)))")
    for more in ((), ("-vv", "-rA"), ("--tb=line",)):
        shown = project.run("-m", "nightly", *more).stdout.str()
        assert "planted" in shown
        assert not [line for line in shown.splitlines() if line.strip().startswith("::error")]
        assert "\u202e" not in shown
        assert "\x1b[31m\u202e" not in shown


def test_a_folder_of_somebody_else_keeps_its_files(project):
    """`--evidence` may name any folder: what stands there under our names stays."""
    (project.path / "mine").mkdir()
    (project.path / "mine/latest").write_text("mine")
    project.gates("nightly", a=GREEN)
    project.required("nightly")
    assert project.run("-m", "nightly", "--evidence=mine").ret == 0
    assert (project.path / "mine/latest").read_text() == "mine"


def test_a_path_that_is_no_unicode_is_told(project):
    """By its bytes."""
    source = os.fsdecode(b"app-\xff.db")
    project.gates("nightly", a=GREEN)
    project.required("nightly")
    assert project.run("-m", "nightly", f"--source={source}").ret == 0
    assert project.report()["source"].endswith(source)
