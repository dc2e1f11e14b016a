"""The heart: steps are applied once, kept when all is green, undone in reverse when not."""

from contextlib import ExitStack

import pytest

from pytest_deploy.engine.deployment import Deployment
from pytest_deploy.engine.journal import Journal, State
from pytest_deploy.engine.step import Observed
from pytest_deploy.errors import LeaseLostError, StepError


class Recorded:
    """A step that writes down what is asked of it."""

    def __init__(
        self, name, calls, *, observed=Observed.NOTHING, result=None, fails=(), with_=None
    ):
        self.name = name
        self.calls = calls
        self.observed = observed
        self.result = result if result is not None else {"n": 1}
        self.fails = fails
        self.with_ = with_ or RuntimeError("apply failed")

    def _called(self, verb):
        self.calls.append((verb, self.name))
        if verb in self.fails:
            raise self.with_ if verb == "apply" else RuntimeError(f"{verb} failed")

    def observe(self):
        self.calls.append(("observe", self.name))
        return self.observed

    def apply(self):
        self._called("apply")
        return self.result

    def settle(self):
        self._called("settle")

    def compensate(self):
        self._called("compensate")

    def complete(self):
        self._called("complete")


@pytest.fixture
def calls():
    return []


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path / "journal.jsonl", "r-1")


def states(journal):
    return [(entry.step, entry.state) for entry in journal.entries]


def test_what_is_green_is_retained(journal, calls):
    """Nothing is undone when every required gate is green."""
    with Deployment(journal, lambda: True).step(Recorded("a", calls)) as result:
        assert result == {"n": 1}
    assert calls == [("apply", "a")]
    assert states(journal) == [("a", "started"), ("a", "applied"), ("a", "retained")]


def test_what_is_not_green_is_undone_in_reverse(journal, calls):
    """The last step first."""
    deployment = Deployment(journal, lambda: False)
    with ExitStack() as stack:
        for name in "abc":
            stack.enter_context(deployment.step(Recorded(name, calls)))
    assert [name for verb, name in calls if verb == "compensate"] == ["c", "b", "a"]


@pytest.mark.parametrize("cause", [RuntimeError("no"), KeyboardInterrupt(), SystemExit(1)])
def test_half_applied_is_undone_too(journal, calls, cause):
    """A fixture that fails before its yield never reaches the code behind it."""
    step = Recorded("a", calls, fails=("apply",), with_=cause)
    with pytest.raises(type(cause)), Deployment(journal, lambda: True).step(step):
        raise AssertionError
    assert calls == [("apply", "a"), ("compensate", "a")]
    assert states(journal)[-1] == ("a", "compensated")


def test_a_failing_way_back_does_not_hide_the_cause(journal, calls):
    """It is joined to the cause as a note, without a message that may quote a row."""
    step = Recorded("a", calls, fails=("apply", "compensate"))
    with (
        pytest.raises(RuntimeError, match="apply failed") as caught,
        Deployment(journal, lambda: True).step(step),
    ):
        raise AssertionError
    assert caught.value.__notes__ == ["while undoing 'a': RuntimeError"]


def test_a_failing_way_back_does_not_stop_the_others(journal, calls):
    """Every step before it is still undone."""
    deployment = Deployment(journal, lambda: False)
    with pytest.raises(RuntimeError), ExitStack() as stack:
        stack.enter_context(deployment.step(Recorded("a", calls)))
        stack.enter_context(deployment.step(Recorded("b", calls, fails=("compensate",))))
    assert calls[-2:] == [("compensate", "b"), ("compensate", "a")]


def test_what_was_applied_is_not_applied_again(journal, calls):
    """A falsy result is still a result."""
    journal.write("a", State.STARTED)
    journal.write("a", State.APPLIED, {})
    with Deployment(journal, lambda: True).step(Recorded("a", calls)) as result:
        assert result == {}
    assert calls == []


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        (Observed.DONE, ["observe", "settle"]),
        (Observed.NOTHING, ["observe", "apply"]),
        (Observed.HALF, ["observe", "compensate", "apply"]),
    ],
)
def test_what_a_crash_left_is_settled_by_looking(journal, calls, observed, expected):
    """`started` without `applied` is never applied again blindly."""
    journal.write("a", State.STARTED)
    with Deployment(journal, lambda: True).step(Recorded("a", calls, observed=observed)):
        pass
    assert [verb for verb, _ in calls] == expected


def test_what_is_not_ours_is_not_touched(journal, calls):
    """Something else on the target stops the step."""
    journal.write("a", State.STARTED)
    step = Recorded("a", calls, observed=Observed.OTHER)
    with pytest.raises(StepError, match="something else"), Deployment(journal, bool).step(step):
        raise AssertionError
    assert calls == [("observe", "a")]


@pytest.mark.parametrize("verb", ["apply", "compensate"])
def test_nothing_is_undone_once_somebody_else_works_on_the_target(journal, calls, verb):
    """Whoever took the target over goes on with what stands there."""
    lost = LeaseLostError("deployment", problem="taken over", where="there", remedy="leave it")

    class Late(Recorded):
        def _called(self, asked):
            super()._called(asked)
            if asked == verb:
                raise lost

    deployment = Deployment(journal, lambda: False)
    with pytest.raises(LeaseLostError), ExitStack() as stack:
        stack.enter_context(deployment.step(Recorded("a", calls)))
        stack.enter_context(deployment.step(Late("b", calls)))
    assert ("compensate", "a") not in calls
    assert not deployment.is_committed
