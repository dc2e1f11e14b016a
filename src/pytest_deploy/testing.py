"""For tests of steps and gates: the step contract, and red twins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.engine.step import Observed
from pytest_deploy.twins.statements import in_target, on_target
from pytest_deploy.twins.twin import NotApplicable, RedTwin

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_deploy.engine.step import Step

__all__ = ["NotApplicable", "RedTwin", "check_step_contract", "in_target", "on_target"]


def check_step_contract(step: Step, digest: Callable[[], object]) -> None:
    """
    Check what every step promises: apply, compensate, as before, apply again, complete.

    Args:
        step: A step that has not been applied.
        digest: Tells the state of everything that the step may touch.

    Raises:
        AssertionError: A promise does not hold.
    """
    before = digest()
    assert step.observe() in (Observed.NOTHING, Observed.HALF), "something is there before"
    step.apply()
    applied = digest()
    assert applied != before, "apply changes nothing"
    assert step.observe() is Observed.DONE, "observe does not see what apply did"
    step.compensate()
    assert digest() == before, "compensate leaves something behind"
    step.compensate()
    assert digest() == before, "compensating twice does harm"
    step.apply()
    assert digest() == applied, "applying again comes to something else"
    step.complete()
    assert digest() == applied, "complete changes what the step made"
    assert step.observe() is Observed.DONE, "observe does not see what complete left"
