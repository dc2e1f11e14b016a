"""Cuts tables into pieces of work and does them, side by side where there is enough of it."""

from __future__ import annotations

import logging
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import active_children, get_context, parent_process
from typing import TYPE_CHECKING, TypeVar

from pytest_deploy.schema.identifiers import quoted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pytest_deploy.schema.plan import PlannedTable

PIECE_ROWS = 100_000
WORTH_PROCESSES_ROWS = 50_000
_MOST_WORKERS = 8

Done = TypeVar("Done")
Todo = TypeVar("Todo")


@dataclass(frozen=True)
class Piece:
    """
    One piece of a table.

    Args:
        table: The table.
        first: The first rowid of the piece; None for the whole table.
        last: The last rowid of the piece; None for the whole table.
    """

    table: PlannedTable
    first: int | None = None
    last: int | None = None

    def condition(self, column: str) -> str:
        """
        Give the SQL condition of the piece.

        Args:
            column: SQL for the column that holds the rowid.

        Returns:
            SQL that both databases read.
        """
        if self.first is None:
            return "true"
        return f"{column} BETWEEN {self.first} AND {self.last}"


def pieces_of(connection: sqlite3.Connection, tables: Iterable[PlannedTable]) -> list[Piece]:
    """
    Cut tables by rowid where they are large.

    Args:
        connection: The snapshot.
        tables: The tables.

    Returns:
        Pieces of some 100,000 rows; tables whose key is not the rowid are one piece.
    """
    return [piece for table in tables for piece in _cut(connection, table)]


def _cut(connection: sqlite3.Connection, table: PlannedTable) -> list[Piece]:
    key = table.source.rowid_column
    if key is None:
        return [Piece(table)]
    rowid, name = quoted(key), quoted(table.source.name)
    count, low, high = connection.execute(
        f"SELECT count(*), min({rowid}), max({rowid}) FROM main.{name}"
    ).fetchone()
    number = -(-count // PIECE_ROWS)
    if number <= 1:
        return [Piece(table)]
    width = -(-(high - low + 1) // number)
    starts = range(low, high + 1, width)
    return [Piece(table, start, min(start + width - 1, high)) for start in starts]


def worker_count(configured: int, rows: int) -> int:
    """
    Decide how many processes are worth starting.

    Args:
        configured: What configuration says; 0 for as many as there are cores, at most eight.
        rows: Rows to be worked on.

    Returns:
        At least 1; 1 means in this process.
    """
    if rows < WORTH_PROCESSES_ROWS:
        return 1
    return configured or min(os.cpu_count() or 1, _MOST_WORKERS)


def run(do: Callable[[Todo], Done], todo: Sequence[Todo], *, workers: int) -> Iterator[Done]:
    """
    Do pieces of work.

    Args:
        do: A function that can be pickled.
        todo: The pieces, which can be pickled.
        workers: Processes; 1 for this one.

    Yields:
        The results in the order of the pieces.
    """
    if workers == 1 or len(todo) == 1:
        yield from map(do, todo)
        return
    pool = ProcessPoolExecutor(
        min(workers, len(todo)), mp_context=get_context("spawn"), initializer=_start_worker
    )
    try:
        with _interrupts_deferred():
            results = pool.map(do, todo)
        yield from results
    except BaseException:
        # What a worker does is one transaction: Postgres forgets it, and nobody has to wait.
        for worker in active_children():
            worker.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _interrupts_deferred() -> Iterator[None]:
    """Hold Ctrl-C and SIGTERM back while processes are started: half a pool cannot be shut down."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []
    held = {
        number: signal.signal(number, lambda number, _: arrived.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in held.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
    for first in arrived[:1]:
        signal.raise_signal(first)


def _start_worker() -> None:
    """Leave Ctrl-C to the parent, and go when the parent is gone, even killed with -9."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A connection that is lost is told once, by the parent: not by each driver on stderr.
    logging.getLogger("psycopg").addHandler(logging.NullHandler())
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
