"""Shows how far a copy is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    Advance: TypeAlias = Callable[[int, int], None]
    Progress: TypeAlias = Callable[[int], AbstractContextManager[Advance]]

EVERY_S = 10.0
_MEGABYTE = 1_000_000


@contextmanager
def silent(_total: int) -> Iterator[Advance]:
    """
    Show nothing.

    Yields:
        What takes rows and bytes that are done.
    """
    yield lambda _rows, _sent: None


class Lines:
    """
    Writes a line every ten seconds, and none where all is done sooner.

    Args:
        total: Rows in all.
        write: Takes a line.
        clock: Tells seconds.
    """

    def __init__(
        self,
        total: int,
        write: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._total, self._write, self._clock = total, write, clock
        self._begin = self._told = clock()
        self._rows = self._sent = 0

    def advance(self, rows: int, sent: int) -> None:
        """
        Add what is done.

        Args:
            rows: Rows.
            sent: Bytes.
        """
        self._rows += rows
        self._sent += sent
        now = self._clock()
        if now - self._told >= EVERY_S:
            self._told = now
            self._write(self._line(now - self._begin))

    def _line(self, spent: float) -> str:
        rate = self._rows / spent
        left = (self._total - self._rows) / rate if rate else 0.0
        return (
            f"deploy: copied {self._rows:,} of {self._total:,} rows,"
            f" {self._sent / _MEGABYTE:,.0f} MB, {rate:,.0f} rows/s, {clocked(left)} left"
        )


def clocked(seconds: float) -> str:
    """
    Write a span of time.

    Args:
        seconds: How long.

    Returns:
        Such as `1:05`.
    """
    minutes, rest = divmod(max(0, round(seconds)), 60)
    return f"{minutes}:{rest:02}"


@contextmanager
def bar(total: int, file: TextIO) -> Iterator[Advance]:
    """
    Draw a bar with rows, bytes, rate and the time left.

    Args:
        total: Rows in all.
        file: A terminal.

    Yields:
        What takes rows and bytes that are done.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    begin, sent = time.monotonic(), 0
    columns = (
        *(TextColumn("deploy: copying rows"), BarColumn(), MofNCompleteColumn()),
        *(TextColumn("{task.fields[said]}"), TimeRemainingColumn()),
    )
    with Bar(*columns, console=Console(file=file), transient=True) as shown:
        task = shown.add_task("", total=total, said="")

        def advance(rows: int, of_rows: int) -> None:
            nonlocal sent
            sent += of_rows
            rate = (shown.tasks[0].completed + rows) / max(time.monotonic() - begin, 0.001)
            said = f"{sent / _MEGABYTE:,.0f} MB, {rate:,.0f} rows/s"
            shown.update(task, advance=rows, said=said)

        yield advance
