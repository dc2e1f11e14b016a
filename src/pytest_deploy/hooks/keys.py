"""What hooks keep in the stashes of pytest, and how they refuse a command line."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from pytest_deploy.errors import DeployError
from pytest_deploy.report.session import Session

if TYPE_CHECKING:
    from collections.abc import Generator

SESSION = pytest.StashKey[Session]()
PHASE = pytest.StashKey[str]()


@contextmanager
def usage_errors() -> Generator[None]:
    """Let pytest print our errors as it prints its own for a command line: exit code 4."""
    try:
        yield
    except DeployError as error:
        raise pytest.UsageError(str(error)) from None


def is_worker(config: pytest.Config) -> bool:
    """
    Tell a worker of xdist.

    Args:
        config: Of the process.

    Returns:
        Whether it is one.
    """
    return hasattr(config, "workerinput")
