"""`python -m pytest_deploy red-twins`: what each gate catches, as a table for a README."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_deploy.errors import EvidenceError
from pytest_deploy.report.evidence import REPORT
from pytest_deploy.report.red_twins import Score
from pytest_deploy.report.score import markdown

if TYPE_CHECKING:
    from argparse import Namespace, _SubParsersAction

_COMMAND = "pytest -m predeploy --red-twins"


def add_red_twins(commands: _SubParsersAction) -> None:  # type: ignore[type-arg]
    """
    Add `red-twins`.

    Args:
        commands: Of the parser.
    """
    parser = commands.add_parser(
        "red-twins",
        help="print what each gate catches as a table of Markdown",
        description=f"Reads what `{_COMMAND}` has shown.",
    )
    default = Path(".deploy/latest") / REPORT
    parser.add_argument(
        "report", type=Path, nargs="?", default=default, help="default: %(default)s"
    )
    parser.set_defaults(run=_print)


def _print(options: Namespace) -> int:
    try:
        told = json.loads(options.report.read_text(encoding="utf-8"))["red_twins"]
    except (OSError, ValueError, KeyError) as error:
        raise _unreadable(options.report, type(error).__name__) from None
    if told is None:
        raise _unreadable(options.report, "one of a run without --red-twins")
    sys.stdout.write(markdown(Score.of_report(told)))
    return 0


def _unreadable(path: Path, seen: str) -> EvidenceError:
    return EvidenceError(
        f"report {path}",
        problem=f"expected a report with red twins, seen {seen}",
        where="the command line",
        remedy=f"run `{_COMMAND}` first, or name its report.json",
    )
