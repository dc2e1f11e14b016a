"""Failures as people may see them: where, and what, but never a value of a variable."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_deploy.errors import DeployError
from pytest_deploy.report.forms import visible

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Protocol

    class Writer(Protocol):
        """The part of pytest's terminal that is used here."""

        def line(self, text: str) -> None:
            """Write a line."""


_HOUSE = Path(__file__).parent.parent


@dataclass(frozen=True)
class _Crash:
    """What pytest's one-line summary of a failure reads."""

    message: str


@dataclass(frozen=True)
class Told:
    """
    A failure in pytest's hands: whole in its section, by its first line in its summary.

    Args:
        text: The failure, as `told` tells it.
    """

    text: str

    @property
    def reprcrash(self) -> _Crash:
        """The first line that says something: pytest repeats it at the end."""
        lines = [line for line in self.text.splitlines() if "Error: " in line]
        return _Crash(lines[0] if lines else self.text.partition("\n")[0])

    def toterminal(self, writer: Writer) -> None:
        """Print the whole text."""
        for line in self.text.splitlines():
            writer.line(line)

    def __str__(self) -> str:
        return self.text


def told(error: BaseException, *, verbose: bool) -> str:
    """
    Tell a failure of a gate or of what it needs.

    Args:
        error: What was raised.
        verbose: Whether the way there is told, too.

    Returns:
        The four parts of one of our errors. Of any other only its type and the lines of code on the
        way: its message may quote a row.
    """
    if isinstance(error, BaseExceptionGroup):  # several fixtures failed on their way back
        return "\n".join(dict.fromkeys(told(one, verbose=verbose) for one in error.exceptions))
    if isinstance(error, DeployError):
        said = visible("\n".join([str(error), *getattr(error, "__notes__", ())]))
        return f"{_way(error)}\n{said}" if verbose else said
    return (
        f"{_way(error)}\n{type(error).__name__}: its message is withheld, it may quote a row\n"
        f"  expected a verdict by gate.judge(), seen another failure\n"
        f"  configured in the code named above\n"
        f"  run with --pdb to look at it where it happened"
    )


def _way(error: BaseException) -> str:
    return "\n".join(_steps(error.__traceback__))


def _steps(traceback: TracebackType | None) -> list[str]:
    lines: list[str] = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        path = Path(code.co_filename)
        if _is_ours(path) and "__tracebackhide__" not in traceback.tb_frame.f_locals:
            lines.append(f"{path}:{traceback.tb_lineno}: in {code.co_name}")
        traceback = traceback.tb_next
    return lines


def _is_ours(path: Path) -> bool:
    return path.is_relative_to(_HOUSE) or "site-packages" not in path.parts
