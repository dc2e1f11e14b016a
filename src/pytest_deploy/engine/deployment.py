"""Carries steps out, hands out their results, and on the way back keeps or undoes them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from pytest_deploy.audit.log import checkpoint, within
from pytest_deploy.engine.approval import Approvals, waits
from pytest_deploy.engine.journal import IN_FORCE, State
from pytest_deploy.engine.opening import Opened, Opening
from pytest_deploy.engine.step import Observed
from pytest_deploy.engine.strategies import leaves_all
from pytest_deploy.errors import DeployError, StepError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pytest_deploy.engine.journal import Journal
    from pytest_deploy.engine.step import Result, Step


class Deployment:
    """
    The heart: compensation in reverse order unless every required gate is green.

    Args:
        journal: Where every state is written before and after it is reached.
        committed: Whether all gates that the plan requires are green.
        opened: What of this release the target has already; None where nobody has looked.
        approvals: Which steps wait for a person.
    """

    def __init__(
        self,
        journal: Journal,
        committed: Callable[[], bool],
        opened: Opened | None = None,
        approvals: Approvals | None = None,
    ) -> None:
        self.journal = journal
        self._committed = committed
        self._opened = opened or Opened("")
        self._approvals = approvals or Approvals()
        self._waits = False
        self._lost = False  # nothing may be undone until a person has looked

    @contextmanager
    def step(self, step: Step) -> Iterator[Result]:
        """
        Apply a step, hand out its result, and on the way back keep or undo it.

        Args:
            step: The step. One that the journal, or the target, says is applied is not applied
                again.

        Yields:
            What it returned.

        Raises:
            StepError: It failed, waits for a person, or was found in a state that must not be
                touched.
        """
        result = self._result(step)
        try:
            yield result
        except BaseException as cause:
            if not self._stays(step):
                self._compensate_beside(step, cause)
            raise
        if self._stays(step):
            return
        if self._committed():
            self.journal.write(step.name, State.RETAINED)
        else:
            self._compensate(step)

    @property
    def is_committed(self) -> bool:
        """Whether what was done stays, because all gates are green."""
        return not (self._waits or self._lost) and self._committed()

    def note_completed(self, steps: Iterable[str]) -> None:
        """
        Note that there is no way back any more: nothing of these is undone, whatever is seen.

        Args:
            steps: The names of steps that are complete.
        """
        for step in steps:
            self.journal.write(step, State.COMPLETED)

    def _stays(self, step: Step) -> bool:
        """Whether a step is left as it is, whatever the gates say."""
        final = self.journal.state_of(step.name) is State.COMPLETED
        return self._waits or self._lost or self._opened.is_kept or final

    def _result(self, step: Step) -> Result:
        if step.name in self._opened.in_force:
            kept = State.UNCHANGED if self._opened.is_kept else State.APPLIED
            result = self._opened.in_force[step.name]
            self.journal.write(step.name, kept, result)
            return result
        if self._opened.is_kept:
            raise _not_in_force(step)
        state = self.journal.state_of(step.name)
        if state in IN_FORCE:
            return self.journal.result_of(step.name)
        begun = state in (State.STARTED, State.COMPENSATING, State.FAILED)
        if (begun or self._opened.how is Opening.TAKEN_UP) and self._was_done(step):
            with within(step.name, self.journal.release):
                step.settle()
            self.journal.write(step.name, State.APPLIED, {})
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
        self._approve(step)
        try:
            # Inside: a signal may come as soon as the line is there.
            self.journal.write(step.name, State.STARTED)
            with within(step.name, self.journal.release):
                result = step.apply()
        except BaseException as cause:
            self.journal.write(step.name, State.FAILED)
            self._lost = self._lost or leaves_all(cause)
            if not self._lost:
                self._compensate_beside(step, cause)
            raise
        self.journal.write(step.name, State.APPLIED, result)
        checkpoint()
        return result

    def _approve(self, step: Step) -> None:
        if self._approvals.needs(step.name):
            self._waits = True
            raise waits(step.name)
        if step.name in self._approvals.asked:
            self.journal.write(step.name, State.APPROVED, {"by": self._approvals.by})

    def _compensate(self, step: Step) -> None:
        self.journal.write(step.name, State.COMPENSATING)
        try:
            with within(step.name, self.journal.release):
                step.compensate()
        except DeployError as error:
            self._lost = self._lost or leaves_all(error)
            raise
        self.journal.write(step.name, State.COMPENSATED)
        checkpoint()

    def _compensate_beside(self, step: Step, cause: BaseException) -> None:
        """Undo what was half done; a failure there is told with the cause and never hides it."""
        try:
            self._compensate(step)
        except Exception as error:  # noqa: BLE001 - whatever it is, the cause comes first
            # Of an error that is not ours only its type: its message may quote a row.
            told = error if isinstance(error, DeployError) else type(error).__name__
            cause.add_note(f"while undoing {step.name!r}: {told}")


def _not_in_force(step: Step) -> StepError:
    return StepError(
        f"step {step.name!r}",
        problem="expected it to be applied, as the release is, seen it in no line of its journal",
        where="the target, deploy.journal",
        remedy="look at the target before anything else; see runbooks/releases.md",
    )
