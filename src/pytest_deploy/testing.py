"""For tests of steps and gates: the step contract, and red twins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.engine.locks import undescribed
from pytest_deploy.engine.step import Observed
from pytest_deploy.twins.statements import in_target, on_target
from pytest_deploy.twins.twin import NotApplicable, RedTwin

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_deploy.engine.step import Step

__all__ = ["NotApplicable", "RedTwin", "check_step_contract", "in_target", "on_target"]


def check_step_contract(step: Step, digest: Callable[[], object]) -> None:
    """
    Check what every step promises: described, apply, compensate, as before, apply again, complete.

    Args:
        step: A step that has not been applied.
        digest: Tells the state of everything that the step may touch.

    Raises:
        AssertionError: A promise does not hold.
    """
    check_description(step)
    before = digest()
    assert step.observe() in (Observed.NOTHING, Observed.HALF), "something is there before"
    step.apply()
    applied = digest()
    assert applied != before, "apply changes nothing"
    assert step.observe() is Observed.DONE, "observe does not see what apply did"
    unsaid = undescribed(step.describe().locks, step.held)
    assert not unsaid, f"apply takes locks that describe does not name: {unsaid}"
    step.compensate()
    assert digest() == before, "compensate leaves something behind"
    step.compensate()
    assert digest() == before, "compensating twice does harm"
    step.apply()
    assert digest() == applied, "applying again comes to something else"
    step.complete()
    assert digest() == applied, "complete changes what the step made"
    assert step.observe() is Observed.DONE, "observe does not see what complete left"


def check_description(step: Step) -> None:
    """
    Check what a step says of itself.

    Args:
        step: A step.

    Raises:
        AssertionError: It does not say what it does, or how that is undone.
    """
    said = step.describe()
    assert said == step.describe(), "describe says something else each time"
    assert said.does.strip(), "describe does not say what it does"
    assert said.way_back.strip() or said.irreversible, "describe knows no way back"
    assert all(lock.on.strip() for lock in said.locks), "describe names a lock on nothing"
