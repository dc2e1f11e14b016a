"""Inside Locust: keeps every request, and what else must be known of a test."""

from __future__ import annotations

import logging
import math
import re
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_deploy.load.pool import Kind, kind_of
from pytest_deploy.load.samples import MOST_NAMES, Sample, Samples
from pytest_deploy.load.user import present

if TYPE_CHECKING:
    from locust.env import Environment

NEVER_BEGUN = Kind("not begun when the test ended")
UNNAMED = Kind("an error without a class")
# What a client may say besides: the class of an error, or a status of HTTP.
_A_KIND = re.compile(r"[A-Za-z]\w*(Error|Exception)|(HTTP )?\d{3}")
_LATE_S = 1.0


class Recorder:
    """
    Takes what Locust tells of requests, and of mistakes in the journey.

    Args:
        environment: Locust's.
        journey: The locustfile.
    """

    def __init__(self, environment: Environment, journey: Path) -> None:
        self.samples = Samples()
        self.mistakes: Counter[str] = Counter()
        self.busy_percent = 0.0
        self._journey = journey
        self._began_s = time.perf_counter()
        self._busy_s = time.process_time()
        events = environment.events
        self._take_no_values(events.request)
        events.request.add_listener(self._request)
        self._tell_no_values(events.user_error)

    def begin(self) -> None:
        """Count time from now on."""
        self._began_s, self._busy_s = time.perf_counter(), time.process_time()

    def spent_s(self) -> float:
        """Give the time since the test began."""
        return time.perf_counter() - self._began_s

    def end(self) -> None:
        """Count the tasks that should have begun long ago, which a user never got to."""
        now = time.perf_counter()
        busy = (time.process_time() - self._busy_s) / max(now - self._began_s, 0.001)
        self.busy_percent = max(self.busy_percent, round(busy * 100, 1))
        for user in present:
            for due_s in user.schedule.overdue_s(now - _LATE_S):
                self._add(now - self._began_s, now - due_s, NEVER_BEGUN, NEVER_BEGUN)

    def packed(self) -> dict[str, Any]:
        """Make a message of all that was recorded."""
        return {
            "samples": self.samples.packed(),
            "mistakes": dict(self.mistakes),
            "busy_percent": self.busy_percent,
        }

    def merge(self, packed: dict[str, Any]) -> None:
        """
        Add what another process recorded.

        Args:
            packed: What it made of it.
        """
        self.samples.merge(packed["samples"])
        self.mistakes.update(packed["mistakes"])
        self.busy_percent = max(self.busy_percent, float(packed["busy_percent"]))

    def _request(
        self, name: str, response_time: float, exception: Kind | None = None, **_more: object
    ) -> None:
        self._add(self.spent_s(), response_time / 1000, name, exception or "")

    def _take_no_values(self, request: Any) -> None:  # noqa: ANN401 - Locust's events have no type
        """
        Let nobody, neither us nor Locust, see more of an error than its kind.

        Locust would write its message into its reports. A time that is none would be lost, and
        with it the error of that request.
        """
        fire = request.fire

        def fire_kinds(
            *, name: str, response_time: object, exception: object = None, **more: object
        ) -> None:
            if not _is_a_time(response_time):
                self.mistakes[f"request {name}: its time is no time"] += 1
                response_time = 0.0
            kind = None if exception is None or exception == "" else _kind(exception)
            fire(name=name, response_time=response_time, exception=kind, **more)

        request.fire = fire_kinds

    def _add(self, finished_s: float, waited_s: float, name: str, error: str) -> None:
        if name not in self.samples.names and len(self.samples.names) >= MOST_NAMES:
            self.mistakes[f"more than {MOST_NAMES} names of requests: a name holds no value"] += 1
            return
        self.samples.add(Sample(finished_s, waited_s, name, error))

    def _tell_no_values(self, user_error: Any) -> None:  # noqa: ANN401 - Locust's events have no type
        """
        Let Locust write the class and line of an error into its reports.

        Neither its message, which may quote a value, nor the lines of the file around it.
        """
        fire = user_error.fire

        def fire_without_values(
            *, user_instance: object, exception: BaseException, **_more: object
        ) -> None:
            said = place_of(exception, self._journey)
            self.mistakes[said] += 1
            fire(user_instance=user_instance, exception=MistakeError(said), tb=None)

        user_error.fire = fire_without_values


def _is_a_time(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value) and value >= 0


def _kind(error: object) -> Kind:
    if isinstance(error, BaseException):
        return kind_of(error)
    if isinstance(error, Kind):
        return error
    return Kind(error) if isinstance(error, str) and _A_KIND.fullmatch(error) else UNNAMED


class MistakeError(Exception):
    """An error of a journey, told by class and line."""


def place_of(error: BaseException, journey: Path) -> str:
    """
    Tell an error by its class and the line of the journey, without its message.

    Args:
        error: The error.
        journey: The locustfile.

    Returns:
        Such as `KeyError at browse.py:12`.
    """
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename) == journey]
    line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
    return f"{type(error).__name__} at {journey.name}" + (f":{line}" if line else "")


class DiscreetLog(logging.Handler):
    """
    Writes what Locust itself says, without tracebacks: these may quote a value.

    Args:
        path: The file; None to keep nothing but the last error.
    """

    def __init__(self, path: Path | None) -> None:
        super().__init__()
        self.last_error = ""
        self._file = path.open("a", encoding="utf-8") if path else None

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record of Locust's, the first line of it; others are a journey's own."""
        if not record.name.startswith(("locust.main", "locust.runners", "locust.dispatch")):
            return
        line = record.getMessage().split("\n")[0]
        if record.levelno >= logging.ERROR:
            self.last_error = line
        if self._file:
            self._file.write(f"{record.levelname} {record.name}: {line}\n")
            self._file.flush()
