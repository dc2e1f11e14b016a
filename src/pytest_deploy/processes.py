"""Which process is meant by a number: numbers are used again, numbers with a start time are not."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import signal

LOOPBACK = "127.0.0.1"
_PROC = Path("/proc")
_POLL_S = 0.02


@dataclass(frozen=True)
class Process:
    """
    One process of one machine, recognisable after its number was given to another.

    Args:
        pid: Its number.
        started: When it started, as its system tells it.
        host: The machine on which the number means something.
        boot: The machine's uptime that `started` counts from; empty where it is absolute.
        space: The container, or whatever else has numbers of its own; empty where there are none.
    """

    pid: int
    started: str
    host: str
    boot: str
    space: str = ""

    @classmethod
    def this(cls) -> Process:
        """
        Describe the running process.

        Returns:
            What another process needs to tell whether this one still lives.
        """
        pid = os.getpid()
        return cls(pid, started_at(pid) or "", platform.node(), _boot_id(), _space())

    def lives(self) -> bool:
        """
        Tell whether the process still runs.

        Returns:
            False only where that is sure: of another machine or container nothing can be known
            from here.
        """
        if self.host != platform.node():
            return True
        if self.boot != _boot_id():
            return False
        return self.space != _space() or started_at(self.pid) == self.started


def started_at(pid: int) -> str | None:
    """
    Tell when a process started.

    Args:
        pid: Its number.

    Returns:
        Clock ticks since boot on Linux, a date elsewhere; None for one that ended, reaped or not.

    Source: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    """
    if _has_proc():
        try:
            fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in "ZX" else fields[19]
    state, _, began = _ps(pid, "-o", "stat=", "-o", "lstart=").partition(" ")
    return None if state in {"", "Z"} else began.strip()


def runs_with(pid: int, argument: str) -> bool:
    """
    Tell whether a process was started with a given argument.

    Args:
        pid: Its number.
        argument: One whole argument of its command line.

    Returns:
        Whether it runs and has that argument.
    """
    if _has_proc():
        try:
            words = (_PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        return os.fsencode(argument) in words
    return f" {argument} " in _ps(pid, "-ww", "-o", "command=") + " "


def end(pid: int, *signals: signal.Signals, timeout_s: float) -> bool:
    """
    Ask a process to end, each time more firmly.

    Args:
        pid: Its number.
        signals: What to send, in order.
        timeout_s: How long to wait after each.

    Returns:
        Whether it has ended.
    """
    for each in signals:
        with suppress(ProcessLookupError):
            os.kill(pid, each)
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if started_at(pid) is None:
                return True
            time.sleep(_POLL_S)
    return False


def free_port() -> int:
    """
    Find a port of the loopback that nobody uses now; somebody may take it before we do.

    Returns:
        The port.
    """
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _has_proc() -> bool:
    return (_PROC / "self" / "stat").exists()


def _boot_id() -> str:
    try:
        return (_PROC / "sys" / "kernel" / "random" / "boot_id").read_text().strip()
    except OSError:
        return ""


def _space() -> str:
    try:
        return (_PROC / "self" / "ns" / "pid").readlink().name
    except OSError:
        return ""


def _ps(pid: int, *columns: str) -> str:
    listing = subprocess.run(  # noqa: S603 - arguments of our own
        ["/bin/ps", *columns, "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return listing.stdout.strip()
