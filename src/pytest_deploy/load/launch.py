"""Starts processes of Locust, waits for them, and never leaves one running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_deploy.errors import LoadError
from pytest_deploy.load.orders import State
from pytest_deploy.secrets import SEAL_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_deploy.load.orders import Orders

POLL_S = 0.05
_END_S = 3.0
_LONGEST = 500
RUNBOOK = "see runbooks/load-gate.md"


class Process:
    """
    One process of Locust.

    Args:
        orders: What it was told.
        popen: The process.
    """

    def __init__(self, orders: Orders, popen: subprocess.Popen[bytes]) -> None:
        self.orders = orders
        self._popen = popen
        self._state = State(Path(orders.state))

    @property
    def code(self) -> int | None:
        """The exit code; None while it runs."""
        return self._popen.poll()

    def told(self) -> dict[str, object]:
        """Read what it told last."""
        return self._state.read()

    def end(self) -> None:
        """End it, and what it may have started: at first kindly."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._popen.poll() is not None:
                break
            with suppress(ProcessLookupError):
                os.killpg(self._popen.pid, number)
            with suppress(subprocess.TimeoutExpired):
                self._popen.wait(_END_S)
        if self._popen.stdin:
            self._popen.stdin.close()


@contextmanager
def started(orders: Orders, folder: Path, name: str) -> Iterator[Process]:
    """
    Start a process of Locust, and end it whatever happens in between.

    It is in a group of its own, so that Ctrl-C reaches it through us alone, and it watches the pipe
    to us: where we are killed, it ends.

    Args:
        orders: What to do.
        folder: A private folder, for its orders.
        name: Tells it from others in the folder.

    Yields:
        The process.
    """
    path = folder / f"{name}.orders"
    orders.write(path)
    environment = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith("LOCUST_") and k != SEAL_KEY  # it is of no concern to a journey
    }
    environment["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, sys.path))
    popen = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-P", "-m", "pytest_deploy.load", str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd=folder,  # a locust.conf or pyproject.toml elsewhere must not say something else
        env=environment,
    )
    process = Process(orders, popen)
    try:
        yield process
    finally:
        process.end()
        path.unlink(missing_ok=True)


def waited_for(
    process: Process, look: Callable[[dict[str, object]], None], longest_s: float
) -> dict[str, object]:
    """
    Wait until a process ends as it should.

    Args:
        process: The process.
        look: Is given what it told last, again and again.
        longest_s: How long that may take.

    Returns:
        What it told at its end.

    Raises:
        LoadError: It ended otherwise.
    """
    until_s = time.monotonic() + longest_s
    came: dict[str, object] = {}
    while (code := process.code) is None:
        told = process.told()
        came = {key: told[key] for key in ("connected",) if key in told} or came
        look(told)
        if time.monotonic() > until_s:
            late = {"refused": f"none that ended within {longest_s:,.0f} s"}
            raise ended_otherwise(process, 0, {**came, **late})
        time.sleep(POLL_S)
    told = {**came, **process.told()}
    if code or not told.get("done"):
        raise ended_otherwise(process, code, told)
    return told


def ended_otherwise(process: Process, code: int, told: dict[str, object]) -> LoadError:
    """
    Say that Locust did not end as it should.

    Args:
        process: The process.
        code: Its exit code.
        told: What it told last.

    Returns:
        The error to raise.
    """
    orders = process.orders
    problem = f"expected Locust to end by itself with exit code 0, seen {code}"
    if told.get("refused"):
        problem = f"expected a test, seen: {str(told['refused'])[:_LONGEST]}"
    if orders.part == "master" and isinstance(told.get("connected"), int):
        problem += f"; {told['connected']} of {orders.workers} workers came"
    return LoadError(
        f"journey {orders.journey}",
        problem=problem,
        where="[gates.load] and this file; its log is load/*/locust.log in the evidence",
        remedy=f"correct what is wrong and run again; {RUNBOOK}",
    )
