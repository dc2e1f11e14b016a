"""The protocol of a step: one unit of change, with its way back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Collection

    from pytest_deploy.engine.locks import Held, Lock

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


@dataclass(frozen=True)
class Description:
    """
    What a step would do, for those who decide whether it may.

    Args:
        does: What it does, in one sentence.
        way_back: How it is undone, in one sentence.
        locks: Every kind of lock that it takes on tables, sequences and views; not on catalogues.
        irreversible: Whether what it does cannot be undone.
        stops_for: What it does not decide by itself; empty where there is nothing.
    """

    does: str
    way_back: str
    locks: tuple[Lock, ...] = ()
    irreversible: bool = False
    stops_for: str = ""


class Step(Protocol):
    """
    One unit of change.

    Every step must pass `pytest_deploy.testing.check_step_contract`: apply, compensate, state
    identical to before, apply again, complete.
    """

    @property
    def name(self) -> str:
        """Verb and noun, in snake_case; the journal's key, never changed once released."""

    @property
    def held(self) -> Collection[Held]:
        """The locks that `apply` was seen to take; empty where it locks nothing in Postgres."""

    def describe(self) -> Description:
        """
        Say what it would do, without a look at the target.

        Returns:
            What, under which locks, and how it is undone.
        """

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

    def settle(self) -> None:
        """Write down that all of it is there, as `observe` has seen: a crash came in between."""

    def compensate(self) -> None:
        """
        Undo the change, whole or half; doing it twice does no harm.

        Raises:
            StepError: It could not be undone.
        """

    def complete(self) -> None:
        """Make the change final: give up what the way back would need."""
