"""A line for each release, and what the lines say together."""

import json
import multiprocessing
import sqlite3
from contextlib import closing

import pytest

from pytest_deploy.cli import main
from pytest_deploy.engine.journal import Entry
from pytest_deploy.errors import EvidenceError
from pytest_deploy.report.history import (
    HISTORY,
    Past,
    categories,
    last_of,
    recall,
    remember,
    was_rolled_back,
)
from pytest_deploy.report.rates import courses
from pytest_deploy.report.results import GateResult, GateState, PhaseVerdict


def past(number, seconds=2.0, verdict="green", errors=(), **more):
    """A release of the n-th day."""
    day = f"2026-11-{number:02d}T02:00:00+00:00"
    facts = {"app": "osyris", "env": "rehearsal", "phase": "predeploy"} | more
    return Past(
        f"r{number:02d}", verdict=verdict, started_at=day, seconds=seconds, errors=errors, **facts
    )


def test_what_is_remembered_is_recalled(tmp_path):
    """Oldest first, whatever the order of writing; the same release twice is one."""
    first, second = (
        past(1, errors=("a", "b"), verdict="red"),
        past(2, rolled_back=True, whole=False),
    )
    for one in (second, first, second):
        remember(tmp_path, one)
    assert recall(tmp_path) == (first, second)


def test_nothing_is_recalled_where_nothing_was_written(tmp_path):
    """And no file is made by looking."""
    assert recall(tmp_path) == ()
    assert list(tmp_path.iterdir()) == []


def test_nothing_lies_beside_the_file(tmp_path):
    """No WAL, no journal: it can be copied as it is."""
    remember(tmp_path, past(1))
    assert [path.name for path in tmp_path.iterdir()] == [HISTORY]


def write_many(folder, first):
    for number in range(first, first + 10):
        remember(folder, past(number))


def test_two_runs_may_write_at_once(tmp_path):
    """No line is lost."""
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write_many, args=(tmp_path, first)) for first in (1, 11)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert len(recall(tmp_path)) == 20


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"this is no database" * 100, "not a database"), (b"SQLite format 3\0" + b"\xff" * 200, "")],
)
def test_a_damaged_file_is_told(tmp_path, content, said):
    """By both ways, in four parts."""
    (tmp_path / HISTORY).write_bytes(content)
    for act in (lambda: remember(tmp_path, past(1)), lambda: recall(tmp_path)):
        with pytest.raises(EvidenceError, match="history") as caught:
            act()
        assert said in caught.value.problem


def test_a_locked_file_is_told(tmp_path, monkeypatch):
    """After the time that is allowed for another run to end its write."""
    monkeypatch.setattr("pytest_deploy.report.history._LOCKED_TIMEOUT_S", 0.1)
    remember(tmp_path, past(1))
    with closing(sqlite3.connect(tmp_path / HISTORY, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(EvidenceError, match="history") as caught:
            remember(tmp_path, past(2))
    assert "locked" in caught.value.problem


def test_a_later_format_is_left_alone(tmp_path):
    """What it says is not guessed, and not written over."""
    remember(tmp_path, past(1))
    with closing(sqlite3.connect(tmp_path / HISTORY, isolation_level=None)) as other:
        other.execute("PRAGMA user_version = 2")
    before = (tmp_path / HISTORY).read_bytes()
    for act in (lambda: remember(tmp_path, past(2)), lambda: recall(tmp_path)):
        with pytest.raises(EvidenceError) as caught:
            act()
        assert "format 2" in caught.value.problem
    assert (tmp_path / HISTORY).read_bytes() == before


def test_the_report_has_the_last_twenty_of_the_same_app_and_env():
    """Others are not its business."""
    all_of_them = [past(n) for n in range(1, 26)]
    all_of_them += [past(26, env="production"), past(27, app="otra")]
    told = last_of(all_of_them, "osyris", "rehearsal")
    assert [one["release"] for one in told] == [f"r{n:02d}" for n in range(6, 26)]
    assert set(told[0]) == {
        "release",
        "phase",
        "verdict",
        "started_at",
        "seconds",
        "errors",
        "rolled_back",
    }


def test_errors_are_named_by_gate_or_by_kind():
    """A gate that was judged by its name, one that met an error by what it met."""
    gates = (
        GateResult("a", "deploy", GateState.RED, problems=("one row too few",), remedy="look"),
        GateResult(
            "b", "deploy", GateState.RED, problems=("/x.py:1: in y\nTargetError: it\n  is gone",)
        ),
        GateResult("c", "deploy", GateState.UNPROVEN, problems=("KeyError: of nobody",)),
    )
    assert categories(gates, "InterruptError: stopped", PhaseVerdict.RED) == (
        "InterruptError",
        "TargetError",
        "a",
    )
    assert categories((), "", PhaseVerdict.UNPROVEN) == ("unproven",)
    assert categories((), "", PhaseVerdict.GREEN) == ()


def test_only_a_target_that_was_changed_is_rolled_back():
    """A rehearsal's is thrown away in any case."""
    undone = [
        Entry(1, n, "t", "r", "copy_rows", state)
        for n, state in enumerate(("applied", "compensated"), 1)
    ]
    assert was_rolled_back(("predeploy", "deploy"), undone)
    assert not was_rolled_back(("predeploy",), undone)
    assert not was_rolled_back(("deploy",), undone[:1])


def test_rates_count_whole_runs_only():
    """By week, with a median and a percentile that occurred."""
    found = [past(n, float(n)) for n in range(2, 12)]
    found[3] = past(5, 5.0, "red", ("a",), rolled_back=True)
    found[9] = past(11, 11.0, "red", ("a", "b"))
    (course,) = courses(
        [*found, past(12, 99.0, "partial", whole=False), past(13, 99.0, "red", whole=False)]
    )
    assert (course.overall.releases, course.partial) == (10, 2)
    assert (course.overall.median_s, course.overall.p90_s) == (6.5, 10.0)
    assert (course.overall.success, course.overall.rollback) == (0.8, 0.1)
    assert course.errors == (("a", 2), ("b", 1))
    assert [(week.label, week.releases) for week in course.weeks] == [
        ("2026-W45", 7),
        ("2026-W46", 3),
    ]


def test_the_command_prints_what_a_person_asks(tmp_path, capsys):
    """Duration, success, errors, rollbacks; by week."""
    for one in (
        past(2),
        past(3, 4.0, "red", ("row_counts_agree",)),
        past(9, env="production", phase="deploy", verdict="red", rolled_back=True),
    ):
        remember(tmp_path, one)
    assert main(["history", f"--evidence={tmp_path}"]) == 0
    said = capsys.readouterr().out
    assert "osyris: predeploy on rehearsal, 2 releases\n" in said
    assert "osyris: deploy on production, 1 release\n" in said
    assert "median 3.0 s, p90 4.0 s" in said
    assert "success      50%, 1 of 2" in said
    assert "errors       row_counts_agree 1" in said
    assert "rolled back  100%, 1 of 1" in said
    assert "2026-W45" in said
    assert main(["history", f"--evidence={tmp_path}", "--env=production", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["phase"] for one in told["courses"]] == ["deploy"]
    assert [one["release"] for one in told["releases"]] == ["r09"]


def test_the_command_says_where_there_is_nothing(tmp_path, capsys):
    """Nothing is no rate of 100 %."""
    assert main(["history", f"--evidence={tmp_path}"]) == 1
    assert "expected releases, seen none" in capsys.readouterr().err
