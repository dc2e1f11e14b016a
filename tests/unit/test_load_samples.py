"""What was measured is kept whole, and summed up exactly."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_deploy.load.baseline import kept_baseline, measured_alone
from pytest_deploy.load.results import Baseline, Load, Span, measured, told
from pytest_deploy.load.samples import Sample, Samples, percentile_ms, read

waits = st.lists(st.floats(min_value=0, max_value=1000), min_size=1, max_size=300).map(sorted)


@given(waits, st.sampled_from([1, 50, 95, 99, 99.9, 100]))
def test_a_percentile_is_a_measured_time_that_so_many_do_not_exceed(waited, percent):
    """Nearest rank: no interpolation, no buckets."""
    found = percentile_ms(waited, percent)
    assert found in [round(w * 1000, 3) for w in waited]
    within = sum(round(w * 1000, 3) <= found for w in waited)
    assert within / len(waited) >= percent / 100 - 1e-9
    below = sum(round(w * 1000, 3) < found for w in waited)
    assert below / len(waited) < percent / 100


def test_nothing_has_no_percentile():
    """A missing figure is None, never 0: 0 ms would be the best of all."""
    assert percentile_ms([], 99) is None
    empty = measured("j", 1, [], Span(0, 1))
    assert (empty.p50_ms, empty.p99_ms, empty.requests) == (None, None, 0)


def samples(*rows):
    kept = Samples()
    for row in rows:
        kept.add(Sample(*row))
    return kept


def test_samples_travel_and_add_up(tmp_path):
    """From two workers to the master, to the file, and back."""
    one = samples((1.0, 0.5, "a"), (1.5, 0.25, "b", "Error 40001"))
    other = samples((2.0, 0.125, "b"), (2.5, 0.5, "c"))
    one.merge(other.packed())
    one.write(tmp_path / "samples.csv")
    found = read(tmp_path / "samples.csv")
    assert found == list(one)
    assert [s.name for s in found] == ["a", "b", "b", "c"]
    assert [s.error for s in found] == ["", "Error 40001", "", ""]


def test_another_file_is_refused(tmp_path):
    """Half a header is no file of ours."""
    (tmp_path / "samples.csv").write_text("finished_s,waited\n")
    with pytest.raises(ValueError, match="expected samples"):
        read(tmp_path / "samples.csv")


def test_only_what_was_due_while_all_users_were_there_counts():
    """What came while users arrived, or after the end, is in the file and in no figure."""
    kept = samples((0.5, 0.1, "a"), (1.5, 0.1, "a"), (2.5, 0.1, "b", "E"), (3.05, 0.1, "b"))
    found = measured("j", 2, list(kept), Span(1.0, 3.0))
    assert (found.requests, found.errors, found.rate_per_s) == (3, 1, 0.5)
    assert [(p.at_s, p.rate_per_s, p.errors) for p in found.series] == [
        (1.0, 1.0, 0),
        (2.0, 0.0, 1),
    ]
    assert [(n.name, n.requests, n.errors) for n in found.requests_by_name] == [
        ("a", 1, 0),
        ("b", 2, 1),
    ]
    assert found.error_kinds == {"E": 1}


def test_a_second_without_an_answer_has_no_percentiles():
    """A stall is a hole in the series, not a second of 0 ms."""
    found = measured("j", 1, list(samples((0.5, 0.1, "a"), (2.5, 1.9, "a"))), Span(0.0, 3.0))
    assert [p.p50_ms for p in found.series] == [100.0, None, 1900.0]


def test_one_user_alone_is_a_baseline():
    """Scaled to all users, and without what came later."""
    kept = list(samples((0.5, 0.1, "a"), (0.9, 0.2, "a"), (1.5, 9.0, "a")))
    assert measured_alone(kept, 1.0, 10) == Baseline("this run", 200.0, 20.0)
    assert measured_alone([], 1.0, 10) is None


def report(evidence, release, verdict="green", env="rehearsal", conditions="same", p95_ms=5.0):
    journey = {"journey": "j", "conditions": conditions, "p95_ms": p95_ms, "rate_per_s": 9.0}
    (evidence / release).mkdir()
    text = {"app": "app", "env": env, "verdict": verdict, "release": release}
    (evidence / release / "report.json").write_text(
        json.dumps(text | {"load": {"journeys": [journey]}})
    )


def test_the_last_green_release_of_the_env_is_the_baseline(tmp_path):
    """Red ones, those of other envs and broken files are passed over."""
    report(tmp_path, "20260101-1", p95_ms=1.0)
    report(tmp_path, "20260102-1", p95_ms=2.0)
    report(tmp_path, "20260103-1", verdict="red", p95_ms=3.0)
    report(tmp_path, "20260104-1", env="staging", p95_ms=4.0)
    (tmp_path / "20260105-1").mkdir()
    (tmp_path / "20260105-1" / "report.json").write_text("{")
    found = kept_baseline(tmp_path, "app", "rehearsal", "j", "same")
    assert found == Baseline("20260102-1", 2.0, 9.0)


def test_other_conditions_are_no_baseline(tmp_path):
    """Another machine, journey or number of users cannot be compared, nor skipped to go further back."""
    report(tmp_path, "20260101-1")
    report(tmp_path, "20260102-1", conditions="other")
    assert kept_baseline(tmp_path, "app", "rehearsal", "j", "same") is None
    assert kept_baseline(tmp_path, "app", "rehearsal", "k", "other") is None


def test_json_calls_the_baseline_by_its_word():
    """`from` is no name in Python, and is one in the report."""
    journey = measured("j", 1, list(samples((0.5, 0.1, "a"))), Span(0.0, 1.0))
    assert told(Load((journey,), 1))["journeys"][0]["baseline"] is None
    from dataclasses import replace

    with_one = replace(journey, baseline=Baseline("this run", 1.0, 2.0))
    assert told(Load((with_one,), 1))["journeys"][0]["baseline"] == {
        "from": "this run",
        "p95_ms": 1.0,
        "rate_per_s": 2.0,
    }
