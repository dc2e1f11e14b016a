"""Shows progress past pytest's capturing: on the terminal, never in a report."""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING

from pytest_deploy.transfer.progress import Lines, bar

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from pytest_deploy.transfer.progress import Advance, Progress


def progress_of(config: pytest.Config) -> Progress:
    """
    Choose how progress is shown.

    Args:
        config: Of the run.

    Returns:
        What shows the progress of a copy, given its rows.
    """
    return partial(_shown, config)


@contextmanager
def _shown(config: pytest.Config, total: int) -> Iterator[Advance]:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    capturing = config.pluginmanager.get_plugin("capturemanager")
    with ExitStack() as stack:
        if capturing is not None:
            stack.enter_context(capturing.global_and_fixture_disabled())
        if reporter is None:
            yield lambda _rows, _sent: None
        elif sys.stdout.isatty():
            yield stack.enter_context(bar(total, sys.stdout))
        else:
            yield Lines(total, partial(_write, reporter)).advance


def _write(reporter: pytest.TerminalReporter, line: str) -> None:
    reporter.ensure_newline()
    reporter.write_line(line)
