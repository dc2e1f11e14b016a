"""The memory of a process and all it started, without Postgres."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Self

_EVERY_S = 0.2


class Peak:
    """
    Looks again and again, from `with` to its end; what processes share is counted once.

    Args:
        alone: Whether what it started is left out.
    """

    def __init__(self, *, alone: bool = False) -> None:
        self.megabytes = 0.0
        self._alone = alone
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(_EVERY_S):
            processes = {os.getpid()} if self._alone else _tree()
            self.megabytes = max(self.megabytes, sum(map(_kilobytes, processes)) / 1024)


def _tree() -> set[int]:
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            name, parent = _status(entry)
            if parent and name != "postgres":
                parents[int(entry.name)] = parent
    found, grew = {os.getpid()}, True
    while grew:
        children = {pid for pid, parent in parents.items() if parent in found} - found
        found, grew = found | children, bool(children)
    return found


def _status(process: Path) -> tuple[str, int]:
    try:
        head, _, rest = (process / "stat").read_text().rpartition(")")
    except OSError:
        return "", 0
    return head.partition("(")[2], int(rest.split()[1])


def _kilobytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
