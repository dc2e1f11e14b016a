"""Response times count from the intended start: a stall cannot hide the requests that it delays."""

from random import Random

import pytest

from pytest_deploy.load.samples import percentile_ms
from pytest_deploy.load.schedule import Schedule

PACE_S = 0.1
STALL_S = 1.0
ANSWER_S = 0.001


class System:
    """Answers at once, but for one second in which it stands still."""

    def __init__(self, stalled_at_s):
        self.stalled_at_s = stalled_at_s

    def answered_at(self, now_s):
        if self.stalled_at_s <= now_s < self.stalled_at_s + STALL_S:
            return self.stalled_at_s + STALL_S
        return now_s + ANSWER_S


def on_schedule(system, until_s):
    """Measure as journeys do."""
    now_s, waited = 0.0, []
    schedule = Schedule(PACE_S, Random(1), now_s)
    while now_s < until_s:
        intended = schedule.intended_s(now_s)
        now_s = system.answered_at(now_s)
        waited.append(now_s - intended)
        now_s += schedule.next_in(now_s)
    return sorted(waited)


def in_a_closed_loop(system, until_s):
    """Measure as many tools do: the next request waits for the last answer."""
    now_s, waited = 0.0, []
    while now_s < until_s:
        begun, now_s = now_s, system.answered_at(now_s)
        waited.append(now_s - begun)
        now_s += PACE_S
    return sorted(waited)


def test_a_stall_shows_in_the_percentiles():
    """Of a second's stall in twenty, one request in twenty is late, and p99 says so."""
    waited = on_schedule(System(5.0), 20.0)
    assert percentile_ms(waited, 99) > 700
    assert sum(w > 0.05 for w in waited) == pytest.approx(STALL_S / PACE_S, abs=2)


def test_a_closed_loop_would_hide_it():
    """The same second, measured from when each request began, leaves one slow request."""
    waited = in_a_closed_loop(System(5.0), 20.0)
    assert percentile_ms(waited, 99) < 2
    assert sum(w > 0.05 for w in waited) == 1


def test_the_rate_is_caught_up_with():
    """After a stall all that was due is asked: as many requests as without one."""
    assert len(on_schedule(System(5.0), 20.0)) == pytest.approx(200, abs=3)


def test_later_requests_of_a_late_task_are_as_late():
    """The second query of a task waits for the first, and both began late by as much."""
    schedule = Schedule(PACE_S, Random(1), 0.0)
    assert schedule.intended_s(0.5) == pytest.approx(0.0)
    assert schedule.intended_s(0.7) == pytest.approx(0.2)


def test_nothing_is_early():
    """A task that begins on time counts from when it begins."""
    schedule = Schedule(PACE_S, Random(1), 0.0)
    schedule.intended_s(0.0)
    pause = schedule.next_in(0.01)
    assert 0 <= pause <= PACE_S
    assert schedule.intended_s(0.01 + pause) == pytest.approx(0.01 + pause)


def test_what_never_began_is_known():
    """A user who is stuck leaves a list of what he should have done."""
    schedule = Schedule(PACE_S, Random(1), 0.0)
    assert schedule.overdue_s(0.0) == []
    schedule.intended_s(0.0)
    assert len(schedule.overdue_s(1.0)) == 10
    assert schedule.overdue_s(0.05) == []


def test_a_range_is_drawn_from():
    """Think times differ from one task to the next."""
    schedule = Schedule((0.1, 0.3), Random(1), 0.0)
    now, pauses = 0.0, []
    for _ in range(50):
        schedule.intended_s(now)
        pauses.append(schedule.next_in(now))
        now += pauses[-1]
    assert all(0.1 <= pause <= 0.3 for pause in pauses[1:])
    assert len(set(pauses)) > 40
