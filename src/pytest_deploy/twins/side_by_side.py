"""Carries out runs of pytest a few at a time, each in a process of its own."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Thread
from typing import TYPE_CHECKING

from pytest_deploy.errors import EvidenceError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence
    from pathlib import Path

_MOST = 4
_POLL_S = 0.1
_PATIENCE_S = 60.0
_SLOW_IMPORTS = ("pytest_deploy.", "psycopg.", "sqlalchemy.", "great_expectations.", "faker.")


@dataclass(frozen=True)
class Run:
    """
    One run of pytest.

    Args:
        name: What it is called.
        arguments: Its command line.
        output: Where what it prints goes.
        apart: Whether it measures: then nothing else goes on beside it that does not.
    """

    name: str
    arguments: tuple[str, ...]
    output: Path
    apart: bool = False


@dataclass(frozen=True)
class Ended:
    """
    A run that is over.

    Args:
        run: The run.
        code: Its exit code; negative for a signal.
        seconds: How long it took.
        in_time: Whether it ended by itself before its time was up.
    """

    run: Run
    code: int
    seconds: float
    in_time: bool = True


def at_once() -> int:
    """
    Say how many runs go side by side.

    Returns:
        As many as there are cores, four at most.
    """
    usable = getattr(os, "sched_getaffinity", None)
    cores = len(usable(0)) if usable else os.cpu_count() or 1
    return min(cores, _MOST)


def carry_out(
    runs: Sequence[Run], folder: Path, environment: Mapping[str, str], limit_s: float
) -> Generator[Ended]:
    """
    Carry runs out; when the caller stops asking, those that are left are stopped and undone.

    Args:
        runs: What to run.
        folder: Where.
        environment: Theirs.
        limit_s: How long each may take.

    Yields:
        Each as it ends.

    Raises:
        EvidenceError: The process that begins them has died.
    """
    waiting = sorted(runs, key=lambda run: run.apart)
    waiting.reverse()  # the last is the next
    with _nursery(folder, environment, runs[0].arguments if runs else ()) as nursery:
        while waiting or nursery.running:
            while waiting and nursery.has_room_for(waiting[-1]):
                nursery.begin(waiting.pop())
            if (ended := nursery.next_ended()) is not None:
                yield ended
            nursery.stop_late(limit_s)


@dataclass
class _Running:
    run: Run
    since_s: float = field(default_factory=time.monotonic)
    pid: int = 0
    stopped: bool = False


class _Nursery:
    """The other end of `pytest_deploy.twins.nursery`."""

    def __init__(self, process: subprocess.Popen[str], arguments: Sequence[str]) -> None:
        self.running: dict[str, _Running] = {}
        self._process = process
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        Thread(target=self._listen, daemon=True).start()
        imported = [name for name in sys.modules if name.startswith(_SLOW_IMPORTS)]
        self.tell({"path": sys.path, "modules": imported, "arguments": list(arguments)})

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put("")

    def tell(self, what: object) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(what) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise _died() from None

    def has_room_for(self, run: Run) -> bool:
        alike = all(one.run.apart is run.apart for one in self.running.values())
        return alike and len(self.running) < at_once()

    def begin(self, run: Run) -> None:
        self.running[run.name] = _Running(run)
        self.tell({"name": run.name, "arguments": list(run.arguments), "output": str(run.output)})

    def next_ended(self) -> Ended | None:
        """Wait a moment for an answer; None where it tells of no end."""
        try:
            line = self._answers.get(timeout=_POLL_S)
        except queue.Empty:
            return None
        if not line:
            raise _died()
        said = json.loads(line)
        if "began" in said:
            begun = self.running[said["began"]]
            begun.pid, begun.since_s = said["pid"], time.monotonic()
            return None
        name = next(name for name, one in self.running.items() if one.pid == said["ended"])
        one = self.running.pop(name)
        seconds = time.monotonic() - one.since_s
        return Ended(one.run, said["code"], seconds, in_time=not one.stopped)

    def stop_late(self, limit_s: float) -> None:
        """Stop the runs whose time is up; a second time, more firmly."""
        for one in self.running.values():
            late_s = time.monotonic() - one.since_s - limit_s
            if one.pid and late_s > (_PATIENCE_S if one.stopped else 0):
                number = signal.SIGKILL if one.stopped else signal.SIGTERM
                with suppress(ProcessLookupError):
                    os.kill(one.pid, number)
                one.stopped = True


@contextmanager
def _nursery(
    folder: Path, environment: Mapping[str, str], arguments: Sequence[str]
) -> Iterator[_Nursery]:
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "pytest_deploy.twins.nursery"],
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield _Nursery(process, arguments)
    finally:
        _close(process)


def _close(process: subprocess.Popen[str]) -> None:
    """Let it stop what still runs, however often Ctrl-C is pressed meanwhile."""
    assert process.stdin is not None
    with suppress(BrokenPipeError):
        process.stdin.close()
    until_s = time.monotonic() + _PATIENCE_S
    while process.returncode is None and time.monotonic() < until_s:
        with suppress(KeyboardInterrupt, subprocess.TimeoutExpired):
            process.wait(_POLL_S)
    if process.returncode is None:
        process.kill()
        process.wait()


def _died() -> EvidenceError:
    return EvidenceError(
        "the process that begins the runs of red twins",
        problem="expected it to live until all runs have ended, seen it gone",
        where="pytest_deploy.twins.nursery",
        remedy="look for what killed it (memory?), and run again",
    )
