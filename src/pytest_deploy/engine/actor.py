"""Who runs a deployment."""

from __future__ import annotations

import getpass
import os
import socket

_OF_CI = ("GITHUB_TRIGGERING_ACTOR", "GITHUB_ACTOR")  # the first one is who ran a job again


def actor() -> str:
    """
    Name who runs this: on GitHub Actions who triggered the job, else the account here.

    Returns:
        One line, such as `ana@laptop`.

    Source: https://docs.github.com/en/actions/reference/workflows-and-actions/variables
    """
    found = next((os.environ[name] for name in _OF_CI if os.environ.get(name)), "")
    if found:
        return f"{found} on GitHub Actions"
    try:
        account = getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as containers have it
        account = str(os.getuid())
    return f"{account}@{socket.gethostname()}"
