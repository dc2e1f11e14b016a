"""What commands say: results on standard output, what is wrong on standard error."""

from __future__ import annotations

import sys


def say(text: object) -> None:
    """
    Tell a result, at once.

    Args:
        text: A line or several, or what is told as such.
    """
    print(text, flush=True)  # noqa: T201 - a command talks to its user


def warn(text: object) -> None:
    """
    Tell what is not as it should be.

    Args:
        text: A line or several, or what is told as such.
    """
    print(text, file=sys.stderr)  # noqa: T201 - a command talks to its user
