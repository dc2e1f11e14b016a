"""Shows how far a test is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO, TypeAlias

from pytest_deploy.transfer.progress import EVERY_S, clocked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    Look: TypeAlias = Callable[[Mapping[str, object]], None]
    Shown: TypeAlias = Callable[[str, float], AbstractContextManager[Look]]


@contextmanager
def silent(_name: str, _total_s: float) -> Iterator[Look]:
    """
    Show nothing.

    Yields:
        What takes the state of a test.
    """
    yield lambda _told: None


class Lines:
    """
    Writes a line every ten seconds, and none where all is done sooner.

    Args:
        name: The journey.
        total_s: How long it takes.
        write: Takes a line.
        clock: Tells seconds.
    """

    def __init__(
        self,
        name: str,
        total_s: float,
        write: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name, self._total_s, self._write, self._clock = name, total_s, write, clock
        self._told_s = clock()

    def look(self, told: Mapping[str, object]) -> None:
        """
        Take the state of a test.

        Args:
            told: What it told last.
        """
        now = self._clock()
        if now - self._told_s >= EVERY_S:
            self._told_s = now
            spent, total = clocked(spent_s(told)), clocked(self._total_s)
            self._write(f"deploy: load {self._name}, {spent} of {total}, {said(told)}")


def said(told: Mapping[str, object]) -> str:
    """
    Write the state of a test.

    Args:
        told: What it told last.

    Returns:
        Such as `20 users, 1,234 requests, 0 errors`.
    """
    if "users" not in told:
        connected = told.get("connected")
        return "begins" if connected is None else f"{connected} workers have come"
    return ", ".join(f"{_count(told, name):,} {name}" for name in ("users", "requests", "errors"))


def spent_s(told: Mapping[str, object]) -> float:
    """
    Read for how long a test goes on.

    Args:
        told: What it told last.

    Returns:
        Seconds; 0 before it begins.
    """
    spent = told.get("spent_s")
    return float(spent) if isinstance(spent, int | float) else 0.0


@contextmanager
def bar(name: str, total_s: float, file: TextIO) -> Iterator[Look]:
    """
    Draw a bar.

    Args:
        name: The journey.
        total_s: How long it takes.
        file: A terminal.

    Yields:
        What takes the state of a test.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        *(TextColumn(f"deploy: load {name}"), BarColumn()),
        *(TextColumn("{task.fields[said]}"), TimeRemainingColumn()),
    )
    with Progress(*columns, console=Console(file=file), transient=True) as shown:
        task = shown.add_task("", total=total_s, said="begins")

        def look(told: Mapping[str, object]) -> None:
            shown.update(task, completed=min(spent_s(told), total_s), said=said(told))

        yield look


def _count(told: Mapping[str, object], name: str) -> int:
    count = told.get(name)
    return count if isinstance(count, int) else 0
