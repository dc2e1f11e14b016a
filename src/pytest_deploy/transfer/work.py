"""Does pieces of work, in processes side by side where there is enough of it."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import active_children, get_context, parent_process
from types import ModuleType
from typing import TYPE_CHECKING, TypeVar

from pytest_deploy.transfer.connections import close_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.context import BaseContext

WORTH_PROCESSES_ROWS = 50_000
_MOST_WORKERS = 8
_PRELOADED = [
    "apsw",
    "psycopg",
    "pytest_deploy.providers.postgres.base",
    "pytest_deploy.transfer.digest",
]

Done = TypeVar("Done")
Todo = TypeVar("Todo")


def worker_count(configured: int, rows: int) -> int:
    """
    Decide how many processes are worth starting.

    Args:
        configured: What configuration says; 0 for as many as there are cores that this process
            may use, at most eight.
        rows: Rows to be worked on.

    Returns:
        At least 1; 1 means in this process.
    """
    if rows < WORTH_PROCESSES_ROWS:
        return 1
    return configured or min(cores(), _MOST_WORKERS)


def cores() -> int:
    """
    Count the cores that this process may use.

    Returns:
        At least 1; less than the machine has where `taskset` or a container says so.
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processes() -> BaseContext:
    """
    Say how processes are started.

    Returns:
        A server that forks: what is imported there once is there in every worker.
    """
    context = get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context


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
    if workers == 1 or len(todo) <= 1:
        try:
            yield from map(do, todo)
        finally:
            close_all()
        return
    pool = ProcessPoolExecutor(
        min(workers, len(todo)), mp_context=processes(), initializer=_start_worker
    )
    try:
        with _interrupts_deferred(), _main_kept_out():
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


@contextmanager
def _main_kept_out() -> Iterator[None]:
    """Keep workers from importing what was started, pytest or a script: they need nothing of it."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _start_worker() -> None:
    """Leave Ctrl-C to the parent, and go when the parent is gone, even killed with -9."""
    gc.disable()  # millions of tuples come and go, none of them in a cycle
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A connection that is lost is told once, by the parent: not by each driver on stderr.
    logging.getLogger("psycopg").addHandler(logging.NullHandler())
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
