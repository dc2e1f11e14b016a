"""Tells people that something happens, as `[release] alert` says."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from pytest_deploy.audit.log import note
from pytest_deploy.secrets import SEAL_KEY

if TYPE_CHECKING:
    from collections.abc import Sequence

VARIABLE = "PYTEST_DEPLOY_ALERT"
_TIMEOUT_S = 30


def alert(command: Sequence[str] | None, text: str) -> bool:
    """
    Run the program that tells people; what it cannot tell stops nothing.

    Args:
        command: The program and its arguments, without a shell; None where nobody is told.
        text: What is told, in the variable PYTEST_DEPLOY_ALERT.

    Returns:
        Whether it ended with exit code 0.
    """
    if command is None:
        return False
    given = {name: value for name, value in os.environ.items() if name != SEAL_KEY}
    try:
        done = subprocess.run(  # noqa: S603 - the app's own, as its configuration names it
            list(command),
            env={**given, VARIABLE: text},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_TIMEOUT_S,
            check=False,
        )
        result = f"exit code {done.returncode}"
    except (OSError, subprocess.TimeoutExpired) as error:
        result = type(error).__name__
    note("command", "alert", command[0].rpartition("/")[2], result)
    return result == "exit code 0"
