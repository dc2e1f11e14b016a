"""
What locustfiles are made of: users who ask the database, each on a schedule of their own.

Public. To be imported in locustfiles only: it imports Locust, which changes the process.
"""

from __future__ import annotations

import random
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from gevent import GreenletExit
from locust import User
from locust.exception import RescheduleTask

from pytest_deploy.load.pool import Kind, kind_of, taken_back
from pytest_deploy.load.schedule import Pace, Schedule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from locust.env import Environment

    from pytest_deploy.load.pool import Connection

UNFINISHED = Kind("not answered when the test ended")
present: list[ScheduledUser] = []


class ScheduledUser(User):
    """
    A user whose tasks are due at their times, whether or not the system keeps up.

    Set `pace_s` in the locustfile: seconds from one task to the next, or from and to.
    """

    abstract = True
    pace_s: ClassVar[Pace] = 1.0

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        # How users come and choose is no secret.
        self.schedule = Schedule(self.pace_s, random.Random(), time.perf_counter())  # noqa: S311
        present.append(self)

    def wait_time(self) -> float:
        """Tell Locust how long it is until the next task is due."""
        return self.schedule.next_in(time.perf_counter())

    def answered(self, kind: str, name: str, intended_s: float, error: str = "") -> None:
        """
        Tell Locust of a request.

        Args:
            kind: Such as SQL.
            name: Its name: the same text for all requests of the kind, without any value.
            intended_s: When it should have begun.
            error: What went wrong, by its class; empty where it was answered.
        """
        self.environment.events.request.fire(
            request_type=kind,
            name=name,
            response_time=(time.perf_counter() - intended_s) * 1000,
            response_length=0,
            exception=error or None,
            context={},
        )


class DatabaseUser(ScheduledUser):
    """A user who asks the database; whatever it changes is rolled back."""

    abstract = True

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._connection: Connection | None = None

    def query(
        self, name: str, sql: str, args: Mapping[str, Any] | Sequence[Any] | None = None
    ) -> list[tuple[Any, ...]]:
        """
        Ask, and count the time until all rows are here, a wait for a free connection included.

        Args:
            name: What reports call it; no values in it.
            sql: One statement, as psycopg takes it.
            args: Its parameters; they are never shown.

        Returns:
            The rows.

        Raises:
            RescheduleTask: It failed and was counted; the task ends here.
        """
        import psycopg

        begin = self.schedule.intended_s(time.perf_counter())
        counted = False
        try:
            with self.transaction() as connection:
                cursor = connection.execute(sql.encode(), args)
                rows = cursor.fetchall() if cursor.description else []
                self.answered("SQL", name, begin)
                counted = True
        except psycopg.Error as error:
            if not counted:
                self.answered("SQL", name, begin, kind_of(error))
            raise RescheduleTask from None
        except GreenletExit:  # so Locust ends a user
            if not counted:
                self.answered("SQL", name, begin, UNFINISHED)
            raise
        return rows

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """
        Ask several questions in one transaction, which is rolled back at its end.

        Yields:
            The connection, which `query` uses.
        """
        if self._connection is not None:
            yield self._connection
            return
        with taken_back() as connection:
            self._connection = connection
            try:
                yield connection
            finally:
                self._connection = None
