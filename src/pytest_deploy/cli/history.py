"""`python -m pytest_deploy history`: how releases went over time."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_deploy.cli.saying import say
from pytest_deploy.errors import EvidenceError
from pytest_deploy.report.history import HISTORY, recall
from pytest_deploy.report.rates import courses

if TYPE_CHECKING:
    from argparse import Namespace, _SubParsersAction
    from collections.abc import Iterator

    from pytest_deploy.report.rates import Course, Rates

_WEEKS = 12


def add_history(commands: _SubParsersAction) -> None:  # type: ignore[type-arg]
    """
    Add `history`.

    Args:
        commands: Of the parser.
    """
    history = commands.add_parser(
        "history",
        help="how long releases took, how often they were green, what went wrong",
        description="Sum up the releases in the evidence folder, by app, env and phase."
        " Selections of gates count in no rate. Exit code 1 where there is no history.",
    )
    history.add_argument("--env", metavar="NAME", help="one target; default: all")
    history.add_argument("--json", action="store_true", help="for machines, each release included")
    history.add_argument("--evidence", type=Path, default=Path(".deploy"), metavar="DIR")
    history.set_defaults(run=_history)


def _history(options: Namespace) -> int:
    past = [one for one in recall(options.evidence) if options.env in (None, one.env)]
    if not past:
        raise EvidenceError(
            f"history {options.evidence / HISTORY}",
            problem=f"expected releases{_on(options.env)}, seen none",
            where="--evidence, --env",
            remedy="run one: pytest -m predeploy",
        )
    found = courses(past)
    if options.json:
        told = {"courses": [_told(one) for one in found], "releases": [asdict(one) for one in past]}
        say(json.dumps(told, ensure_ascii=False, indent=2))
        return 0
    for course in found:
        for line in _lines(course):
            say(line)
    return 0


def _on(env: str | None) -> str:
    return f" on {env}" if env else ""


def _told(course: Course) -> dict[str, object]:
    return {**asdict(course), "errors": dict(course.errors)}


def _lines(course: Course) -> Iterator[str]:
    overall = course.overall
    whole = overall.releases if overall else 0
    partial = f", and {course.partial:,} of a selection, which count in no rate"
    yield (
        f"{course.app}: {course.phase} on {course.env},"
        f" {whole:,} {'release' if whole == 1 else 'releases'}{partial if course.partial else ''}"
    )
    if overall is None:
        return
    yield f"  duration     median {overall.median_s:,.1f} s, p90 {overall.p90_s:,.1f} s"
    yield f"  success      {_part(overall.green, overall)}"
    yield f"  rolled back  {_part(overall.rolled_back, overall)}"
    said = ", ".join(f"{name} {count:,}" for name, count in course.errors)
    yield f"  errors       {said or 'none'}"
    yield "  week      releases    median       p90  success  rolled back"
    for week in course.weeks[-_WEEKS:]:
        yield (
            f"  {week.label:<9} {week.releases:>8,} {week.median_s:>7,.1f} s {week.p90_s:>7,.1f} s"
            f" {week.success:>8.0%} {week.rollback:>12.0%}"
        )


def _part(count: int, overall: Rates) -> str:
    return f"{count / overall.releases:.0%}, {count:,} of {overall.releases:,}"
