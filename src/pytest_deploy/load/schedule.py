"""When each task of a user is due: response times count from then, however late it begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

Pace = float | tuple[float, float]


class Schedule:
    """
    The schedule of one user: it does not wait for a slow answer, so a stall cannot hide requests.

    A closed loop asks the next question after the last answer. While the system stands still it
    asks nothing, and one slow answer stands for all those that would have been slow: coordinated
    omission. Here the next task is due at its time; a late one has waited since then.

    Args:
        pace_s: Seconds from one task's due time to the next: one figure, or from and to.
        random: Draws from the range, and when the second task is due, so that users who came at
            the same time do not go on in step.
        now_s: When the first task is due.

    Source: https://www.azul.com/files/HowNotToMeasureLatency_LLSummit_NYC_12Nov2013.pdf
    """

    def __init__(self, pace_s: Pace, random: Random, now_s: float) -> None:
        self._from_s, self._to_s = pace_s if isinstance(pace_s, tuple) else (pace_s, pace_s)
        self._random = random
        self._due_s = now_s
        self._late_s: float | None = None
        self._first = True

    def next_in(self, now_s: float) -> float:
        """
        Plan the next task.

        Args:
            now_s: The time.

        Returns:
            Seconds until it is due; 0 for one that is overdue.
        """
        self._due_s += self._random.uniform(0 if self._first else self._from_s, self._to_s)
        self._first, self._late_s = False, None
        return max(0.0, self._due_s - now_s)

    def intended_s(self, now_s: float) -> float:
        """
        Say when a request that begins now should have begun.

        A task that began late makes each of its requests late by as much; a later request of the
        same task waits for the one before it, and that is the app's own doing.

        Args:
            now_s: The time.

        Returns:
            The intended start.
        """
        if self._late_s is None:
            self._late_s = max(0.0, now_s - self._due_s)
        return now_s - self._late_s

    def overdue_s(self, now_s: float) -> list[float]:
        """
        List tasks that should have begun and have not: at the end of a test they must not vanish.

        Args:
            now_s: The time.

        Returns:
            When each was due.
        """
        step = max((self._from_s + self._to_s) / 2, 0.001)
        due = self._due_s if self._late_s is None else self._due_s + step
        count = max(0, int((now_s - due) / step) + 1) if due < now_s else 0
        return [due + step * number for number in range(count)]
