"""The plan: what a deployment would do, in order, as it was measured in a rehearsal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_deploy.engine.journal import State
from pytest_deploy.engine.locks import undescribed
from pytest_deploy.findings import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pytest_deploy.assessment.dependencies import Dependency
    from pytest_deploy.assessment.environment import Environment
    from pytest_deploy.assessment.facts import Facts
    from pytest_deploy.assessment.risks import Risks
    from pytest_deploy.engine.journal import Journal
    from pytest_deploy.engine.step import Result, Step


@dataclass(frozen=True)
class PlannedStep:
    """
    One step, as it went in the rehearsal.

    Args:
        step: Its name.
        does: What it does.
        seconds: How long it took; None where it did not come to its end.
        rows: Rows that it moved; None where it moves none.
        size_bytes: Bytes that it sent; None where it sends none.
        locks: The kinds of lock that it takes, who waits for them, and on how many relations they
            were seen.
        irreversible: Whether it cannot be undone.
        way_back: How it is undone.
        stops_for: What a person would have to decide.
    """

    step: str
    does: str
    seconds: float | None
    rows: int | None
    size_bytes: int | None
    locks: tuple[str, ...]
    irreversible: bool
    way_back: str
    stops_for: str


@dataclass(frozen=True)
class Plan:
    """
    Everything that somebody has to know who decides.

    Args:
        steps: In their order.
        unsaid: Locks that a step was seen to take and does not describe.
        environment: The env against the rehearsal.
        dependencies: Services, tools, packages.
        risks: What may go wrong.
        manual: What a person has to do or decide, in order.
        ended_at: Where the rehearsal ended before its end; empty where it is whole.
    """

    steps: tuple[PlannedStep, ...]
    unsaid: tuple[str, ...]
    environment: Environment
    dependencies: tuple[Dependency, ...]
    risks: Risks
    manual: tuple[str, ...]
    ended_at: str = ""


def planned(step: Step, seconds: float, journal: Journal) -> PlannedStep:
    """
    Tell a step as it went.

    Args:
        step: The step.
        seconds: How long it took.
        journal: Of the release.

    Returns:
        What it would do, with what was measured.
    """
    said, result = step.describe(), journal.result_of(step.name)
    went = _was_applied(step.name, journal)
    return PlannedStep(
        step.name,
        said.does,
        round(seconds, 3) if went else None,
        _count(result, "rows"),
        _count(result, "size_bytes"),
        tuple(f"{lock}{_seen(sum(o.mode is lock.mode for o in step.held))}" for lock in said.locks),
        said.irreversible,
        said.way_back,
        said.stops_for,
    )


def _was_applied(name: str, journal: Journal) -> bool:
    return any(e.step == name and e.state == State.APPLIED for e in journal.entries)


def _seen(count: int) -> str:
    return f" (seen on {count:,})" if count else ""


def _count(result: Result, name: str) -> int | None:
    value = result.get(name)
    return value if isinstance(value, int) else None


def unsaid(steps: Iterable[Step]) -> tuple[str, ...]:
    """
    List the locks that nobody described.

    Args:
        steps: Steps that ran.

    Returns:
        One line each.
    """
    return tuple(
        f"step {step.name} takes {held}, and does not say so"
        for step in steps
        for held in undescribed(step.describe().locks, step.held)
    )


def planned_all(
    steps: Iterable[Step], timings_s: Mapping[str, float], journal: Journal
) -> tuple[PlannedStep, ...]:
    """
    Tell all steps as they went.

    Args:
        steps: In their order.
        timings_s: How long each took, by name.
        journal: Of the release.

    Returns:
        One for each.
    """
    return tuple(planned(step, timings_s.get(step.name, 0.0), journal) for step in steps)


def manual(facts: Facts) -> Iterator[str]:
    """
    Say where a person has to act, in the order of a deployment.

    Args:
        facts: Of this rehearsal.

    Yields:
        One sentence each.
    """
    if facts.ended_at:
        yield "before: mend what is red, and rehearse again"
    blockers = facts.of_severity(Severity.BLOCKER, settled=False)
    if blockers:
        yield f"before: choose a remedy for {len(blockers)} blockers, runbooks/schema-findings.md"
    if not facts.is_for_rehearsal and not facts.given.trusted_keys:
        yield "before: list the key whose seals count, [seal] trusted_keys"
    yield "before: stop the app from writing, until traffic is switched"
    for step in facts.steps:
        if step.irreversible:
            yield f"at {step.step}: it cannot be undone, somebody has to say yes"
        if step.stops_for:
            yield f"at {step.step}, it stops for {step.stops_for}"
    if facts.source is not None and facts.source.uploads:
        yield f"after: move {facts.source.uploads:,} files of uploads, which no step does"
