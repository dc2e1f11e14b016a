"""For tests of steps and gates: the step contract, and red twins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from pytest_deploy.engine.locks import undescribed
from pytest_deploy.engine.step import Observed

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from pytest_deploy.engine.step import Step


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


@dataclass(frozen=True)
class RedTwin:
    """
    A defect that a gate must catch; a plugin for `pytest.main(plugins=[...])`.

    Args:
        gate: The gate's name.
        after: The fixture after which the defect is planted.
        plant: Plants it; gets the request of that fixture, and what the fixture returned.
        replaces: Whether what `plant` returns stands in for what the fixture returned.
    """

    gate: str
    after: str
    plant: Callable[[pytest.FixtureRequest, object], object]
    replaces: bool = False

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """Plant the defect as soon as the fixture is there."""
        value = yield
        if fixturedef.argname != self.after:
            return value
        planted = self.plant(request, value)
        if not self.replaces:
            return value
        fixturedef.cached_result = (planted, fixturedef.cache_key(request), None)  # type: ignore[arg-type]
        return planted
