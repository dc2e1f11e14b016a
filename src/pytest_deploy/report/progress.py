"""Shows progress past pytest's capturing: on the terminal, never in a report."""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING

from pytest_deploy.load import progress as load
from pytest_deploy.transfer.progress import Lines, bar

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from pytest_deploy.load.progress import Look, Shown
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


def load_progress_of(config: pytest.Config) -> Shown:
    """
    Choose how the progress of a load test is shown.

    Args:
        config: Of the run.

    Returns:
        What shows the progress of a journey, given its name and how long it takes.
    """
    return partial(_load_shown, config)


@contextmanager
def _shown(config: pytest.Config, total: int) -> Iterator[Advance]:
    with ExitStack() as stack:
        reporter = _uncaptured(config, stack)
        if reporter is None:
            yield lambda _rows, _sent: None
        elif sys.stdout.isatty():
            yield stack.enter_context(bar(total, sys.stdout))
        else:
            yield Lines(total, partial(_write, reporter)).advance


@contextmanager
def _load_shown(config: pytest.Config, name: str, total_s: float) -> Iterator[Look]:
    with ExitStack() as stack:
        reporter = _uncaptured(config, stack)
        if reporter is None:
            yield stack.enter_context(load.silent(name, total_s))
        elif sys.stdout.isatty():
            yield stack.enter_context(load.bar(name, total_s, sys.stdout))
        else:
            yield load.Lines(name, total_s, partial(_write, reporter)).look


def _uncaptured(config: pytest.Config, stack: ExitStack) -> pytest.TerminalReporter | None:
    """Give what writes on the terminal, past pytest's capturing."""
    capturing = config.pluginmanager.get_plugin("capturemanager")
    if capturing is not None:
        stack.enter_context(capturing.global_and_fixture_disabled())
    reporter: pytest.TerminalReporter | None = config.pluginmanager.get_plugin("terminalreporter")
    return reporter


def _write(reporter: pytest.TerminalReporter, line: str) -> None:
    reporter.ensure_newline()
    reporter.write_line(line)
