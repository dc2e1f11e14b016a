"""Carries steps out, hands out their results, and on the way back keeps or undoes them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from pytest_deploy.engine.journal import State
from pytest_deploy.engine.step import Observed
from pytest_deploy.errors import DeployError, StepError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_deploy.engine.journal import Journal
    from pytest_deploy.engine.step import Result, Step

_IN_FORCE = (State.APPLIED, State.RETAINED)


class Deployment:
    """
    The heart: compensation in reverse order unless every required gate is green.

    Args:
        journal: Where every state is written before and after it is reached.
        committed: Whether all gates that the plan requires are green.
    """

    def __init__(self, journal: Journal, committed: Callable[[], bool]) -> None:
        self._journal = journal
        self._committed = committed

    @contextmanager
    def step(self, step: Step) -> Iterator[Result]:
        """
        Apply a step, hand out its result, and on the way back keep or undo it.

        Args:
            step: The step. One that the journal says is applied is not applied again.

        Yields:
            What it returned.

        Raises:
            StepError: It failed, or was found in a state that must not be touched.
        """
        result = self._result(step)
        try:
            yield result
        except BaseException as cause:
            self._compensate_beside(step, cause)
            raise
        if self._committed():
            self._journal.write(step.name, State.RETAINED)
        else:
            self._compensate(step)

    def _result(self, step: Step) -> Result:
        state = self._journal.state_of(step.name)
        if state in _IN_FORCE:
            return self._journal.result_of(step.name)
        if state in (State.STARTED, State.COMPENSATING, State.FAILED) and self._was_done(step):
            self._journal.write(step.name, State.APPLIED, {})
            return {}
        return self._apply(step)

    def _was_done(self, step: Step) -> bool:
        """Settle what a crash left by looking, never by applying blindly."""
        observed = step.observe()
        if observed is Observed.OTHER:
            raise StepError(
                f"step {step.name!r}",
                problem="expected nothing, half or all of it on the target, seen something else",
                where="the journal of this release",
                remedy="look at the target before anything else; see runbooks/leftovers.md",
            )
        if observed is Observed.HALF:
            self._compensate(step)
        return observed is Observed.DONE

    def _apply(self, step: Step) -> Result:
        try:
            # Inside: a signal may come as soon as the line is there.
            self._journal.write(step.name, State.STARTED)
            result = step.apply()
        except BaseException as cause:
            self._journal.write(step.name, State.FAILED)
            self._compensate_beside(step, cause)
            raise
        self._journal.write(step.name, State.APPLIED, result)
        return result

    def _compensate(self, step: Step) -> None:
        self._journal.write(step.name, State.COMPENSATING)
        step.compensate()
        self._journal.write(step.name, State.COMPENSATED)

    def _compensate_beside(self, step: Step, cause: BaseException) -> None:
        """Undo what was half done; a failure there is told with the cause and never hides it."""
        try:
            self._compensate(step)
        except Exception as error:  # noqa: BLE001 - whatever it is, the cause comes first
            # Of an error that is not ours only its type: its message may quote a row.
            told = error if isinstance(error, DeployError) else type(error).__name__
            cause.add_note(f"while undoing {step.name!r}: {told}")
