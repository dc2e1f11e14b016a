"""`python -m pytest_deploy.load ORDERS`: one process of Locust, which ends with its parent."""

from __future__ import annotations

import _thread
import os
import sys
from pathlib import Path

# Taken now: Locust replaces what is in the module by what waits for greenlets.
from select import select

_LOOK_S = 0.5


def _end_with(parent: int) -> None:
    """Wait, in a real thread, for the end of the process that started this one."""
    while os.getppid() == parent:
        if select([0], [], [], _LOOK_S)[0] and not os.read(0, 1):
            break
    os._exit(1)


def main() -> int:
    """
    Carry orders out.

    Returns:
        The exit code: 0, whatever was measured.
    """
    # Below `threading`, which becomes Locust's, too.
    _thread.start_new_thread(_end_with, (os.getppid(),))
    from pytest_deploy.load.orders import Orders
    from pytest_deploy.load.program import run  # from here on the process is gevent's

    return run(Orders.take(Path(sys.argv[1])))


if __name__ == "__main__":
    sys.exit(main())
