"""What all steps on the database share: one transaction for the change and its journal row."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from contextlib import nullcontext
from typing import TYPE_CHECKING, ClassVar

from pytest_deploy.engine.step import Observed, Result
from pytest_deploy.errors import StepError
from pytest_deploy.providers.postgres.lease import changing
from pytest_deploy.steps.locks import held_by, watched
from pytest_deploy.steps.mirror import mirror
from pytest_deploy.transfer.refusals import transfer_error

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from pytest_deploy.engine.locks import Held
    from pytest_deploy.engine.step import Description
    from pytest_deploy.providers.postgres.base import Target
    from pytest_deploy.transfer.planning import Prepared


class TargetStep(ABC):
    """
    A step whose change and journal row commit together.

    The locks that it was seen to take stay in `held`, for the plan.

    Args:
        target: The database.
        release: The release's id, for the journal row.
    """

    name: ClassVar[str]
    side_by_side = False  # whether connections besides its own do parts of it

    def __init__(self, target: Target, release: str) -> None:
        self.target = target
        self._release = release
        self.held: set[Held] = set()

    @abstractmethod
    def describe(self) -> Description:
        """Say what it would do."""

    def observe(self) -> Observed:
        """Say what of this step is there now."""
        with self.target.connect() as connection:
            return self._observe(connection)

    def apply(self) -> Result:
        """Make the change, and the row of `deploy.journal` that says so."""
        watch = watched(self.target, self.held) if self.side_by_side else nullcontext()
        with watch:
            return self._in_transaction("applied", self._change)

    def settle(self) -> None:
        """Write the row of `deploy.journal` that is not there though the change is."""
        self._in_transaction("applied", lambda _connection: {})

    def compensate(self) -> None:
        """Undo the change, whole or half, and say so in `deploy.journal`."""

        def undo(connection: psycopg.Connection) -> Result:
            self._compensate(connection)
            return {}

        self._in_transaction("compensated", undo)

    def complete(self) -> None:  # noqa: B027 - most steps have nothing to give up
        """Make final; on a database that was empty before there is nothing to give up."""

    def _change(self, connection: psycopg.Connection) -> Result:
        result = self._apply(connection)
        self.held |= held_by(connection)
        return result

    @abstractmethod
    def _observe(self, connection: psycopg.Connection) -> Observed: ...

    @abstractmethod
    def _apply(self, connection: psycopg.Connection) -> Result: ...

    @abstractmethod
    def _compensate(self, connection: psycopg.Connection) -> None: ...

    def _in_transaction(self, state: str, change: Callable[[psycopg.Connection], Result]) -> Result:
        import psycopg

        try:
            with changing(self.target) as connection:
                result: Result = change(connection)
                record(connection, self._release, self.name, state, result)
                return result
        except psycopg.Error as error:
            raise self._failed(error) from None

    def _failed(self, error: psycopg.Error) -> StepError:
        said = transfer_error(f"step {self.name!r}", error)
        return StepError(said.subject, problem=said.problem, where=said.where, remedy=said.remedy)


class DatabaseStep(TargetStep):
    """
    A step that carries out a part of a plan.

    Args:
        prepared: The plan and the two sides.
        release: The release's id, for the journal row.
    """

    def __init__(self, prepared: Prepared, release: str) -> None:
        super().__init__(prepared.transfer.target, release)
        self.prepared = prepared
        self.plan = prepared.plan


def record(
    connection: psycopg.Connection, release: str, step: str, state: str, result: Result
) -> None:
    """
    Write a row of `deploy.journal`, where that table is there, and how far the audit log is.

    Args:
        connection: In the transaction of the change.
        release: The release's id.
        step: The step's name.
        state: `applied`, `compensated` or `completed`.
        result: What the step gives, for whoever goes on from here.
    """
    found = connection.execute("SELECT to_regclass('deploy.journal') IS NOT NULL").fetchone()
    if found and found[0]:
        connection.execute(
            "INSERT INTO deploy.journal (format, release, step, state, result)"
            " VALUES (1, %s, %s, %s, %s::jsonb)",
            (release, step, state, json.dumps(dict(result))),
        )
        mirror(connection)


def is_noted(connection: psycopg.Connection, release: str, step: str) -> bool:
    """
    Tell whether `deploy.journal` says that a step is applied.

    Args:
        connection: To the target.
        release: The release's id.
        step: The step's name.

    Returns:
        Whether its last row says so; yes where there is no journal.
    """
    found = connection.execute("SELECT to_regclass('deploy.journal') IS NOT NULL").fetchone()
    if not (found and found[0]):
        return True
    row = connection.execute(
        "SELECT state FROM deploy.journal WHERE release = %s AND step = %s"
        " ORDER BY id DESC LIMIT 1",
        (release, step),
    ).fetchone()
    return row is not None and row[0] == "applied"


def seen(present: int, wanted: int) -> Observed:
    """
    Judge a step by how many of its objects are there.

    Args:
        present: Those that are there.
        wanted: Those that the step makes.

    Returns:
        NOTHING, HALF or DONE.
    """
    if not present:
        return Observed.NOTHING
    return Observed.DONE if present == wanted else Observed.HALF
