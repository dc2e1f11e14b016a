"""
What pytest, and every library, would show beside a gate's verdict: output, logs, warnings, reasons.

None of it is ours, and any of it may quote a row. It is withheld in one place while gates run: that
there was something, and where it came from, is said; what it was is not.
"""

from __future__ import annotations

import logging
import sys
from contextlib import ExitStack, contextmanager, nullcontext, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    import warnings
    from argparse import Namespace
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

WITHHELD = "withheld, it may quote a row"
_OURS = "pytest_deploy"
_PAST_ANY_TEST = ("PytestUnraisableExceptionWarning", "PytestUnhandledThreadExceptionWarning")


@dataclass
class Withholding:
    """
    Whether what runs now is a gate.

    Args:
        is_on: True from the first gate to the end of the run, but for other tests between them.
    """

    is_on: bool = True

    def start(self, option: Namespace) -> Callable[[], None]:
        """
        Withhold from now on. A debugger may show what it likes: somebody sits there.

        Args:
            option: The options of pytest; those that print the values of variables are taken back.

        Returns:
            Ends it.
        """
        option.showlocals = option.fulltrace = False
        stack = ExitStack()
        stack.enter_context(self.of_logs())
        if option.capture == "no" and not debugs(option):
            stack.enter_context(self.of_output())
        return stack.close

    def of_part(self, option: Namespace) -> AbstractContextManager[None]:
        """
        Withhold what `--capture=tee-sys` lets through: it sets streams anew for each part.

        Args:
            option: The options of pytest.

        Returns:
            Withholds while it is entered; nothing where nothing comes through.
        """
        if option.capture != "tee-sys" or debugs(option):
            return nullcontext()
        return self.of_output()

    @contextmanager
    def of_logs(self) -> Iterator[None]:
        """Let log records say who logged, at what level and where; our own say what, too."""
        before = logging.getLogRecordFactory()
        logging.setLogRecordFactory(self._factory(before))
        try:
            yield
        finally:
            logging.setLogRecordFactory(before)

    def _factory(self, before: Callable[..., logging.LogRecord]) -> Callable[..., Any]:
        def made(*given: Any, **more: Any) -> logging.LogRecord:  # noqa: ANN401 - logging's own
            record = before(*given, **more)
            if self.is_on and record.name.partition(".")[0] != _OURS:
                record.msg, record.args = WITHHELD, None
                record.exc_info = record.exc_text = record.stack_info = None
            return record

        return made

    @contextmanager
    def of_output(self) -> Iterator[None]:
        """Drop what gates print. What pytest captures in the meantime, `stripped` takes care of."""
        with redirect_stdout(_Sink(self, sys.stdout)), redirect_stderr(_Sink(self, sys.stderr)):
            yield


def debugs(option: Namespace) -> bool:
    """
    Tell whether somebody wants to look at values himself.

    Args:
        option: The options of pytest.

    Returns:
        Whether a debugger was asked for.
    """
    return bool(option.usepdb or option.trace)


class _Sink:
    """A stream that lets nothing through while a gate runs."""

    def __init__(self, withholding: Withholding, stream: TextIO) -> None:
        self._withholding, self._stream = withholding, stream

    def write(self, text: str) -> int:
        return len(text) if self._withholding.is_on else self._stream.write(text)

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)

    def isatty(self) -> bool:
        return False

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - all else is the stream's own
        return getattr(self._stream, name)


def stripped(sections: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """
    Leave of captured output that there was some.

    Args:
        sections: Of a report: title and text.

    Returns:
        The same titles, with the number of lines in place of the text.
    """
    return [
        (title, f"{len(text.splitlines()):,} lines {WITHHELD}") for title, text in sections if text
    ]


def silence(warning: warnings.WarningMessage) -> None:
    """
    Leave of a warning its class and its place.

    Args:
        warning: As Python recorded it; changed.
    """
    warning.message = WITHHELD
    warning.source = None


def is_of_any_test(warning: warnings.WarningMessage) -> bool:
    """
    Tell whether a warning quotes a failure that nobody caught, which comes up at any time later.

    Args:
        warning: As Python recorded it.

    Returns:
        Whether it does.
    """
    return warning.category.__name__ in _PAST_ANY_TEST
