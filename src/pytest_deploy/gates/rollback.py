"""Does the way back of a release lead to where it began."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_deploy.gates.verdict import Verdict
from pytest_deploy.providers.supabase.services import reach
from pytest_deploy.recovery.state import unlike

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_deploy.providers.supabase.base import Supabase

_RUNBOOK = "runbooks/rollback.md"
_ROUNDS, _BETWEEN_S = 3, 1.0


@dataclass(frozen=True)
class RolledBack:
    """
    A release that was taken back.

    Args:
        steps: The steps that were undone, the last one first.
        before: What stood there before the release.
        after: What stands there now.
        seconds: How long it took.
        published: A digest of each table of the release, as it was when it was taken back.
        kept: The same, of the tables that are kept for what people have written to them.
        kept_in: The schema that keeps them; empty where nothing was published.
    """

    steps: tuple[str, ...]
    before: Mapping[str, str]
    after: Mapping[str, str]
    seconds: float
    published: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)
    kept_in: str = ""


def rollback_leads_back(found: RolledBack) -> Verdict:
    """
    Compare what stands there with what stood there before the release.

    Args:
        found: The release that was taken back.

    Returns:
        One problem for each table, object or kind of the catalogue that is not as it was.
    """
    problems = list(unlike(found.before, found.after))
    if not found.steps:
        problems.append("expected steps to undo, seen none")
    return Verdict(
        examined=len(found.before),
        unit="digests",
        problems=tuple(problems),
        measured={"steps": len(found.steps), "seconds": round(found.seconds, 2)},
        remedy=f"look at it before anything else, and restore what is missing; see {_RUNBOOK}",
    )


def release_is_undone(found: RolledBack, left: tuple[str, ...]) -> Verdict:
    """
    Judge whether nothing of a release is in force any more.

    Args:
        found: The release that was taken back.
        left: The steps that are still in force.

    Returns:
        One problem for each step that is.
    """
    problems = [f"step {step} is still in force" for step in left]
    if not found.steps:
        problems.append("expected a release that could be undone, seen none")
    return Verdict(
        examined=max(len(found.steps), 1),
        unit="steps",
        problems=tuple(problems),
        measured={"steps": len(found.steps), "seconds": round(found.seconds, 2)},
        remedy=f"run it again: what is undone stays undone; see {_RUNBOOK}",
    )


def what_was_written_is_kept(found: RolledBack) -> Verdict:
    """
    Compare the tables that are kept with what they were when the release was taken back.

    Args:
        found: The release that was taken back.

    Returns:
        One problem for each table that is not kept, or not with all its rows.
    """
    problems = tuple(
        f"{name}: {_rows(told)} when it was taken back, {_rows(found.kept.get(name, ''))} are kept"
        for name, told in sorted(found.published.items())
        if found.kept.get(name) != told
    )
    rows = sum(int(told.split()[0]) for told in found.kept.values())
    return Verdict(
        examined=max(len(found.published), 1),
        unit="tables",
        problems=problems,
        measured={"rows": rows, **({"kept_in": found.kept_in} if found.kept_in else {})},
        remedy=f"these rows are in the backup that was taken first; see {_RUNBOOK}",
    )


def services_answer(project: Supabase) -> Verdict:
    """
    Ask every service of a project, again and again for some seconds.

    Args:
        project: The project.

    Returns:
        One problem for each question that was not answered.
    """
    problems: list[str] = []
    asked = 0
    for round_ in range(_ROUNDS):
        if round_:
            time.sleep(_BETWEEN_S)
        for one in reach(project):
            asked += 1
            if one.problem:
                problems.append(f"{one.service}: {one.problem}")
    return Verdict(
        examined=asked,
        unit="answers",
        problems=tuple(dict.fromkeys(problems)),
        measured={"seconds": _BETWEEN_S * (_ROUNDS - 1)},
        remedy="see runbooks/target.md",
    )


def _rows(told: str) -> str:
    return f"{int(told.split(maxsplit=1)[0]):,} rows" if told else "none"
