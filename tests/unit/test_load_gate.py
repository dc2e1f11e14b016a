"""Every threshold closes the gate, and so does every figure that is missing."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from pytest_deploy.config.gates import LoadSettings
from pytest_deploy.gates.load import load_is_carried
from pytest_deploy.gates.verdict import CheckState
from pytest_deploy.load.results import Baseline, Journey, Load
from pytest_deploy.load.thresholds import only_slow

SETTINGS = LoadSettings(worst_degradation=2.0)
GOOD = Journey(
    journey="browse",
    users=10,
    seconds=10.0,
    requests=1000,
    errors=0,
    rate_per_s=100.0,
    p50_ms=5.0,
    p95_ms=20.0,
    p99_ms=40.0,
    baseline=Baseline("20260101-1", 15.0, 90.0),
    mistakes={},
)
PREPARED = SimpleNamespace(plan=SimpleNamespace(tables=(1, 2, 3)))


def judged(settings=SETTINGS, **changes):
    return load_is_carried(Load((replace(GOOD, **changes),), 1, "role"), settings, PREPARED)


def test_all_thresholds_kept_is_green():
    """Nine lines, one for each threshold; what was examined is requests."""
    verdict = judged()
    assert verdict.problems == ()
    assert len(verdict.checks) == 9
    assert {check.state for check in verdict.checks} == {CheckState.HOLDS}
    assert (verdict.examined, verdict.unit) == (1000, "requests")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"p50_ms": 101.0}, "p50 at most 100 ms; seen 101 ms"),
        ({"p95_ms": 251.0}, "p95 at most 250 ms; seen 251 ms"),
        ({"p99_ms": 1001.0}, "p99 at most 1,000 ms; seen 1,001 ms"),
        ({"p99_ms": None}, "p99 at most 1,000 ms; seen none"),
        ({"errors": 1, "error_kinds": {"Error 40001": 1}}, "seen 0.001: 1 Error 40001"),
        ({"rate_per_s": 0.5}, "at least 1 answers/s; seen 0.5 answers/s"),
        ({"requests": 99}, "at least 100 requests; seen 99 requests"),
        ({"requests": 0}, "at least 1 answers/s; seen none"),
        ({"baseline": None}, "at most 2 times the baseline; seen none"),
        ({"p95_ms": 36.0}, "p95 at most 35 ms: 2 times that of 20260101-1; seen 36 ms"),
        ({"rate_per_s": 44.0}, "at least 45 answers/s: those of 20260101-1, divided by 2"),
        ({"mistakes": {"KeyError at browse.py:3": 7}}, "seen KeyError at browse.py:3 (7 times)"),
    ],
)
def test_a_threshold_that_is_not_kept_is_a_problem(changes, said):
    """It names the journey, the threshold and what was seen."""
    problems = judged(**changes).problems
    assert any(said in problem for problem in problems), problems
    assert all(problem.startswith("browse: ") for problem in problems)


def test_too_few_requests_prove_no_other_threshold():
    """Good figures of too few requests are unproven, not good."""
    states = {check.name: check.state for check in judged(requests=5).checks}
    assert states["browse: p95 at most 250 ms"] is CheckState.UNPROVEN
    assert states["browse: at least 100 requests"] is CheckState.FAILS


def test_a_mistake_in_the_file_is_told_before_what_follows_from_it():
    """The first problem is the one that the summary shows."""
    problems = judged(requests=0, mistakes={"KeyError at browse.py:3": 7}).problems
    assert "no mistake in the file; seen KeyError" in problems[0]


def test_small_times_may_vary():
    """From 1 ms to 3 ms is no degradation that anybody feels."""
    assert judged(p95_ms=21.0, baseline=Baseline("this run", 1.0, 5000.0)).problems == ()


def test_nothing_is_compared_where_nobody_asks():
    """Without worst_degradation a journey needs no baseline."""
    verdict = judged(settings=LoadSettings(), baseline=None)
    assert verdict.problems == ()
    assert len(verdict.checks) == 7


@pytest.mark.parametrize(
    "changes",
    [
        {"p95_ms": 251.0},
        {"p50_ms": 101.0, "p99_ms": 5000.0},
        {"p95_ms": 36.0},
        {"rate_per_s": 0.5},
    ],
)
def test_what_is_too_slow_and_nothing_else_may_be_measured_again(changes):
    """A machine's stall passes; so it is with one among several."""
    slow = replace(GOOD, **changes)
    assert only_slow([slow], SETTINGS)
    assert only_slow([GOOD, slow], SETTINGS)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"errors": 1},
        {"p99_ms": None},
        {"baseline": None},
        {"requests": 99},
        {"mistakes": {"KeyError at browse.py:3": 7}},
    ],
)
def test_what_failed_or_is_missing_is_not_measured_again(changes):
    """Nor is what is slow beside it: its second measurement would hide the failure."""
    other = replace(GOOD, **changes)
    assert not only_slow([other], SETTINGS)
    if changes:
        assert not only_slow([replace(GOOD, p95_ms=251.0), other], SETTINGS)


def test_earlier_measurements_are_figures_of_the_gate():
    """Whoever looks at a green gate sees that it was measured twice."""
    measured = judged(earlier_p95_ms=(300.0,)).measured
    assert measured["browse_p95_ms_of_measurement_1"] == 300.0


def test_the_load_itself_may_be_the_cause():
    """A Locust that is short of processor time is named, with what to do."""
    problems = judged(p99_ms=5000.0, busy_percent=97.0).problems
    assert "Locust itself took 97 % of a core" in problems[0]
    assert "--load-workers" in problems[0]


def test_where_no_load_is_asked_for_the_figures_say_so():
    """Green, as for statements of the app; never in silence."""
    verdict = load_is_carried(None, None, PREPARED)
    assert (verdict.examined, verdict.problems) == (3, ())
    assert "none asked for" in verdict.measured["load"]
