"""What steps on Storage and Auth share: `deploy.journal` says what was done to them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from pytest_deploy.providers.postgres.lease import changing
from pytest_deploy.steps.database import record

if TYPE_CHECKING:
    from pytest_deploy.engine.locks import Held
    from pytest_deploy.engine.step import Description, Observed, Result
    from pytest_deploy.providers.supabase.base import Supabase


class ServiceStep(ABC):
    """
    A step on a service of the project: a row of `deploy.journal` before the change, and one after.

    What a crash leaves between both is settled by `observe`, or undone by what the target knows.

    Args:
        project: The project.
        release: The release's id, for the journal row.
    """

    name: ClassVar[str]
    held: tuple[Held, ...] = ()

    def __init__(self, project: Supabase, release: str) -> None:
        self.project = project
        self._release = release

    @abstractmethod
    def describe(self) -> Description:
        """Say what it would do."""

    @abstractmethod
    def observe(self) -> Observed:
        """Say what of this step is there now."""

    def apply(self) -> Result:
        """Say in `deploy.journal` that the change begins, make it, and say that it is made."""
        self._record("started")
        result = self._apply()
        self._record("applied", result)
        return result

    def settle(self) -> None:
        """Write the row of `deploy.journal` that is not there though the change is."""
        self._record("applied")

    def compensate(self) -> None:
        """Say in `deploy.journal` that the change goes, undo it, whole or half, and say so."""
        self._record("compensating")
        self._compensate()
        self._record("compensated")

    def complete(self) -> None:
        """Give up the way back."""
        self._ask()
        self._complete()
        self._record("completed")

    @abstractmethod
    def _apply(self) -> Result: ...

    @abstractmethod
    def _compensate(self) -> None: ...

    @abstractmethod
    def _complete(self) -> None: ...

    def _ask(self) -> None:
        """A service knows nothing of runs: ask the database before it is changed."""
        with changing(self.project.database):
            pass

    def _record(self, state: str, result: Result | None = None) -> None:
        with changing(self.project.database) as connection:
            record(connection, self._release, self.name, state, result or {})
