"""The steps of a deployment, as they went in its rehearsal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_deploy.engine.journal import State
from pytest_deploy.engine.locks import undescribed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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
    return tuple(_planned(step, timings_s.get(step.name, 0.0), journal) for step in steps)


def _planned(step: Step, seconds: float, journal: Journal) -> PlannedStep:
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
