"""How releases went over time: duration, success, errors, and how often one was undone."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_deploy.report.history import Past

_P90 = 0.9


@dataclass(frozen=True)
class Rates:
    """
    Whole runs of one kind, summed up.

    Args:
        label: Which ones: `all`, or a week such as `2026-W48`.
        releases: How many there were; selections of gates are not among them.
        median_s: Half of them took no longer.
        p90_s: Nine of ten took no longer.
        green: How many were green.
        rolled_back: How many undid what they had done to a target.
    """

    label: str
    releases: int
    median_s: float
    p90_s: float
    green: int
    rolled_back: int

    @property
    def success(self) -> float:
        """The part that was green, 0 to 1."""
        return self.green / self.releases

    @property
    def rollback(self) -> float:
        """The part that was rolled back, 0 to 1."""
        return self.rolled_back / self.releases


@dataclass(frozen=True)
class Course:
    """
    The releases of one phase of an app on one target.

    Args:
        app: The app.
        env: The target.
        phase: The phase.
        partial: Selections of gates, which count in no rate.
        overall: All whole runs; None where there was none.
        weeks: The same by week, oldest first.
        errors: How often each category occurred, the most frequent first.
    """

    app: str
    env: str
    phase: str
    partial: int
    overall: Rates | None
    weeks: tuple[Rates, ...]
    errors: tuple[tuple[str, int], ...]


def courses(past: Iterable[Past]) -> tuple[Course, ...]:
    """
    Sum up releases by what can be compared.

    Args:
        past: Releases, oldest first.

    Returns:
        One course for each app, target and phase, in the order of their names.
    """
    alike: dict[tuple[str, str, str], list[Past]] = defaultdict(list)
    for one in past:
        alike[one.app, one.env, one.phase].append(one)
    return tuple(_course(*of, alike[of]) for of in sorted(alike))


def _course(app: str, env: str, phase: str, past: list[Past]) -> Course:
    whole = [one for one in past if one.whole]
    weeks: dict[str, list[Past]] = defaultdict(list)
    for one in whole:
        weeks[f"{datetime.fromisoformat(one.started_at):%G-W%V}"].append(one)
    errors = Counter(error for one in whole for error in one.errors)
    return Course(
        app,
        env,
        phase,
        partial=len(past) - len(whole),
        overall=rates("all", whole) if whole else None,
        weeks=tuple(rates(week, weeks[week]) for week in sorted(weeks)),
        errors=tuple(sorted(errors.items(), key=lambda error: (-error[1], error[0]))),
    )


def rates(label: str, past: Sequence[Past]) -> Rates:
    """
    Sum up releases.

    Args:
        label: What they are called together.
        past: At least one.

    Returns:
        Their rates. The 90th percentile is a duration that occurred: the nearest rank.
    """
    seconds = sorted(one.seconds for one in past)
    return Rates(
        label,
        releases=len(past),
        median_s=median(seconds),
        p90_s=seconds[ceil(_P90 * len(seconds)) - 1],
        green=sum(one.verdict == "green" for one in past),
        rolled_back=sum(one.rolled_back for one in past),
    )
