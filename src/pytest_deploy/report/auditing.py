"""Opens the audit log of a run, with the key that signs it where there is one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pytest_deploy.audit import log
from pytest_deploy.engine.actor import actor
from pytest_deploy.engine.keys import VARIABLE, sign
from pytest_deploy.secrets import Secret

if TYPE_CHECKING:
    from pathlib import Path


def begin_log(folder: Path, run: str, env: str) -> None:
    """
    Note, from now on, all that this process does outside of itself.

    Args:
        folder: Of the run.
        run: Its id.
        env: The env.

    Raises:
        EvidenceError: The log cannot be written.
        ConfigError: The key that would sign it is none.
    """
    key = Secret(os.environ.get(VARIABLE, ""))

    def signed(message: bytes) -> str:
        return sign(key, message)

    path = folder / log.NAME
    log.begin(log.Log(path, run, actor=actor(), env=env, sign=signed if key.reveal() else None))
