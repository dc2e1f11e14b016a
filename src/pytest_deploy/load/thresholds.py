"""The thresholds of a journey: what is promised of its figures, and whether it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_deploy.load.results import THIS_RUN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_deploy.config.gates import LoadSettings
    from pytest_deploy.load.results import Journey


@dataclass(frozen=True)
class Bound:
    """
    One threshold.

    Args:
        name: What is promised.
        seen: The figure; None where there is none.
        holds: Whether it is kept.
        unit: Of the figure.
        of_errors: Whether it bounds errors: then their kinds say why it is not kept.
    """

    name: str
    seen: float | None
    holds: bool
    unit: str = ""
    of_errors: bool = False


def bounds(journey: Journey, settings: LoadSettings) -> Iterator[Bound]:
    """
    Hold a journey against its thresholds, but for how many requests it needs.

    Args:
        journey: What it measured.
        settings: The thresholds.

    Yields:
        Each of them.
    """
    for percent, most_ms, seen_ms in (
        (50, settings.p50_ms, journey.p50_ms),
        (95, settings.p95_ms, journey.p95_ms),
        (99, settings.p99_ms, journey.p99_ms),
    ):
        holds = seen_ms is not None and seen_ms <= most_ms
        yield Bound(f"p{percent} at most {most_ms:,g} ms", seen_ms, holds, " ms")
    ratio = journey.errors / journey.requests if journey.requests else None
    most, least = settings.error_ratio, settings.least_rate_per_s
    few = ratio is not None and ratio <= most
    yield Bound(f"at most {most:g} of all requests fail", ratio, few, of_errors=True)
    rate = journey.rate_per_s if journey.requests else None
    yield Bound(
        f"at least {least:,g} answers/s", rate, rate is not None and rate >= least, " answers/s"
    )
    yield from _comparison(journey, settings)


def only_slow(journeys: Iterable[Journey], settings: LoadSettings) -> bool:
    """
    Say whether journeys were too slow and nothing else: as where the machine stood still a moment.

    Args:
        journeys: What they measured, side by side.
        settings: The thresholds.

    Returns:
        False where all is kept, and where anything failed, is missing or mistaken: measuring that
        again would hide it.
    """
    missed = []
    for journey in journeys:
        if journey.mistakes or journey.requests < settings.least_samples:
            return False
        missed += [bound for bound in bounds(journey, settings) if not bound.holds]
    return bool(missed) and all(b.seen is not None and not b.of_errors for b in missed)


def _comparison(journey: Journey, settings: LoadSettings) -> Iterator[Bound]:
    worst, before = settings.worst_degradation, journey.baseline
    if worst is None:
        return
    if before is None:
        yield Bound(f"at most {worst:g} times the baseline", None, holds=False)
        return
    most_ms = max(before.p95_ms * worst, before.p95_ms + settings.spare_ms)
    holds = journey.p95_ms is not None and journey.p95_ms <= most_ms
    yield Bound(
        f"p95 at most {most_ms:,.4g} ms: {worst:g} times that of {before.from_}",
        journey.p95_ms,
        holds,
        " ms",
    )
    if before.from_ == THIS_RUN:
        return  # one user for a moment says little of a rate; least_rate_per_s does
    least = before.rate_per_s / worst
    yield Bound(
        f"at least {least:,.4g} answers/s: those of {before.from_}, divided by {worst:g}",
        journey.rate_per_s,
        journey.rate_per_s >= least,
        " answers/s",
    )
