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
from contextlib import redirect_stdout, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

_POLL_S = 0.05
_IMPORTED = (
    "psycopg",
    "pytest_deploy.behaviour.trial",
    "pytest_deploy.transfer.frozen",
    "pytest_deploy.providers.postgres.choice",
)


def main() -> None:
    """Serve until the input ends."""
    asked = os.fdopen(0, "rb", buffering=0)  # what a buffer holds, `select` does not see
    _import_all(json.loads(asked.readline()))
    running: set[int] = set()
    while True:
        _reap(running)
        if not select.select([asked], [], [], _POLL_S)[0]:
            continue
        line = asked.readline()
        if not line:
            break
        running.add(_begin(json.loads(line)))
    for pid in running:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    while running:
        _reap(running, block=True)


def _import_all(first: dict[str, Any]) -> None:
    """Import what runs import, and all that pytest does until it has collected the gates."""
    sys.path[:] = first["path"]
    for name in _IMPORTED:
        import_module(name)
    import pytest

    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        pytest.main([*first["arguments"], "--collect-only", "-q"])


def _begin(run: dict[str, Any]) -> int:
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        _say(began=run["name"], pid=pid)
        return pid
    code = 1
    try:
        os.setsid()  # Ctrl-C is for the parent, which tells its runs in its own way
        _redirect(Path(run["output"]))
        import pytest

        code = int(pytest.main(run["arguments"]))
        sys.stdout.flush()
    finally:
        os._exit(code)


def _redirect(output: Path) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    written = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(nothing, 0)
    os.dup2(written, 1)
    os.dup2(written, 2)
    os.close(nothing)
    os.close(written)


def _reap(running: set[int], *, block: bool = False) -> None:
    while running:
        pid, status = os.waitpid(-1, 0 if block else os.WNOHANG)
        if not pid:
            return
        running.discard(pid)
        with suppress(BrokenPipeError):
            _say(ended=pid, code=os.waitstatus_to_exitcode(status))


def _say(**words: object) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
