"""`python -m pytest_deploy report`: the page of a release, rendered again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_deploy.cli.saying import say
from pytest_deploy.engine.release import LATEST
from pytest_deploy.errors import EvidenceError
from pytest_deploy.report.evidence import FORMAT, REPORT
from pytest_deploy.report.publishing import render

if TYPE_CHECKING:
    from argparse import Namespace, _SubParsersAction


def add_report(commands: _SubParsersAction) -> None:  # type: ignore[type-arg]
    """
    Add `report`.

    Args:
        commands: Of the parser.
    """
    report = commands.add_parser(
        "report", help="render report.html and summary.md of a release again, from its report.json"
    )
    report.add_argument("release", nargs="?", default=LATEST, help="default: the last one")
    report.add_argument("--evidence", type=Path, default=Path(".deploy"), metavar="DIR")
    report.set_defaults(run=_report)


def _report(options: Namespace) -> int:
    folder = options.evidence / options.release
    for path in render(_read(folder / REPORT), folder):
        say(path)
    return 0


def _read(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text("utf-8"))
        if told["format"] > FORMAT:
            raise _unusable(path, f"is of format {told['format']}, this release reads {FORMAT}")
    except OSError as error:
        raise _unusable(path, f"cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, KeyError):
        raise _unusable(path, "is no report") from None
    return dict(told)


def _unusable(path: Path, problem: str) -> EvidenceError:
    return EvidenceError(
        f"report {path}",
        problem=problem,
        where="RELEASE, --evidence",
        remedy="name a release: a folder of the evidence that has a report.json",
    )
