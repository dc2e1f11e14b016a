"""The protocol of a step: one unit of change, with its way back."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol, TypeAlias

Result: TypeAlias = Mapping[str, int | float | str | bool]


class Observed(StrEnum):
    """
    What of a step is there now.

    `OTHER` is what no step of ours leaves behind: it must not be touched.
    """

    NOTHING = "nothing"
    HALF = "half"
    DONE = "done"
    OTHER = "other"


class Step(Protocol):
    """
    One unit of change.

    Every step must pass `pytest_deploy.testing.check_step_contract`: apply, compensate, state
    identical to before, apply again, complete.
    """

    @property
    def name(self) -> str:
        """Verb and noun, in snake_case; the journal's key, never changed once released."""

    def observe(self) -> Observed:
        """
        Look what is there now, changing nothing.

        Returns:
            Nothing, half, all of it, or something else.
        """

    def apply(self) -> Result:
        """
        Make the change.

        Returns:
            Counts for the journal and the report; never a row's value.

        Raises:
            StepError: It could not be made.
        """

    def compensate(self) -> None:
        """
        Undo the change, whole or half; doing it twice does no harm.

        Raises:
            StepError: It could not be undone.
        """

    def complete(self) -> None:
        """Make the change final: give up what the way back would need."""
