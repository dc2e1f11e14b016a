"""
A process that has imported everything and forks itself for each run: imports take their time.

Its first line says what to import; each other one is a run, answered with one line when it begins
and one when it has ended. When its input ends, because nobody needs it any more or its parent is
gone, it stops the runs that are left, waits for their way back, and ends.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import IO, Any

_POLL_S = 0.05


def main() -> None:
    """Serve until the input ends."""
    asked = os.fdopen(0, "rb", buffering=0)  # what a buffer holds, `select` does not see
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    _redirect(Path(os.devnull))  # for good: what is imported may keep the streams that it finds
    _import_all(json.loads(asked.readline()))
    running: set[int] = set()
    while True:
        _reap(running, answers)
        if not select.select([asked], [], [], _POLL_S)[0]:
            continue
        line = asked.readline()
        if not line:
            break
        running.add(_begin(json.loads(line), answers))
    for pid in running:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    while running:
        _reap(running, answers, block=True)


def _import_all(first: dict[str, Any]) -> None:
    """Import what the run before imported, and what pytest does to collect the gates."""
    sys.path[:] = first["path"]
    import pytest

    pytest.main([*first["arguments"], "--collect-only", "-q"])
    for name in first["modules"]:
        with suppress(ImportError):
            import_module(name)


def _begin(run: dict[str, Any], answers: IO[str]) -> int:
    pid = os.fork()
    if pid:
        _say(answers, began=run["name"], pid=pid)
        return pid
    code = 1
    try:
        os.setsid()  # Ctrl-C is for the parent, which tells its runs in its own way
        os.close(answers.fileno())
        os.close(0)
        os.open(os.devnull, os.O_RDONLY)  # takes the lowest number, which is that of the input
        _redirect(Path(run["output"]))
        import pytest

        code = int(pytest.main(run["arguments"]))
        sys.stdout.flush()
    finally:
        os._exit(code)


def _redirect(output: Path) -> None:
    written = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(written, 1)
    os.dup2(written, 2)
    os.close(written)


def _reap(running: set[int], answers: IO[str], *, block: bool = False) -> None:
    while running:
        pid, status = os.waitpid(-1, 0 if block else os.WNOHANG)
        if not pid:
            return
        running.discard(pid)
        with suppress(BrokenPipeError):
            _say(answers, ended=pid, code=os.waitstatus_to_exitcode(status))


def _say(answers: IO[str], **words: object) -> None:
    answers.write(json.dumps(words) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
