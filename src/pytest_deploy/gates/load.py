"""Does the target carry its users: one check for each threshold of each journey."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_deploy.gates.verdict import Check, CheckState, Verdict
from pytest_deploy.load.results import THIS_RUN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_deploy.config.gates import LoadSettings
    from pytest_deploy.load.results import Journey, Load
    from pytest_deploy.transfer.planning import Prepared

_REMEDY = "the evidence names the requests, see runbooks/load-gate.md; thresholds: [gates.load]"
_OURSELVES = "the one that connected"
_BUSY_PERCENT = 90
_SHOWN_KINDS = 3


def load_is_carried(
    load: Load | None, settings: LoadSettings | None, prepared: Prepared
) -> Verdict:
    """
    Judge what was measured.

    Args:
        load: What was measured; None where no load is asked for.
        settings: The thresholds.
        prepared: The plan: what is there where no load is asked for.

    Returns:
        One problem for each threshold that is not kept, or of which nothing is known.
    """
    if load is None or settings is None:
        return Verdict(
            examined=len(prepared.plan.tables),
            unit="tables without a load asked for",
            measured={"load": "none asked for: see [gates.load]"},
        )
    return judged(load, settings, {"role": "one like the app's" if load.role else _OURSELVES})


def judged(load: Load, settings: LoadSettings, more: Mapping[str, int | float | str]) -> Verdict:
    """
    Hold journeys against the thresholds.

    Args:
        load: What was measured.
        settings: The thresholds.
        more: Figures besides.

    Returns:
        One problem for each threshold that is not kept, or of which nothing is known.
    """
    checks = tuple(check for journey in load.journeys for check in _checks(journey, settings))
    failed = [check for check in checks if check.state is not CheckState.HOLDS]
    measured: dict[str, int | float | str] = {"workers": load.workers, **more}
    for journey in load.journeys:
        measured |= _figures(journey)
    return Verdict(
        examined=sum(journey.requests for journey in load.journeys),
        unit="requests",
        problems=tuple(f"{check.name}; seen {check.seen}" for check in failed),
        measured=measured,
        checks=checks,
        evidence=tuple(file for journey in load.journeys for file in journey.files),
        remedy=_REMEDY,
    )


def _figures(journey: Journey) -> dict[str, int | float | str]:
    found = {
        "requests": journey.requests,
        "errors": journey.errors,
        "rate_per_s": journey.rate_per_s,
        "p50_ms": journey.p50_ms,
        "p95_ms": journey.p95_ms,
        "p99_ms": journey.p99_ms,
    }
    return {f"{journey.journey}_{k}": "none" if v is None else v for k, v in found.items()}


@dataclass(frozen=True)
class _Bound:
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


def _checks(journey: Journey, settings: LoadSettings) -> Iterator[Check]:
    name, enough = journey.journey, journey.requests >= settings.least_samples
    mistakes = journey.mistakes or {}
    told = ", ".join(f"{what} ({count:,} times)" for what, count in mistakes.items())
    state = CheckState.FAILS if mistakes else CheckState.HOLDS
    # First, since what follows may be no more than its consequence.
    yield Check(f"{name}: no mistake in the file", state, told or "none")
    yield _check(
        name,
        _Bound(
            f"at least {settings.least_samples:,} requests", journey.requests, enough, " requests"
        ),
    )
    for bound in (*_bounds(journey, settings), *_comparison(journey, settings)):
        yield _check(name, bound, proven=enough, more=_cause(journey, bound))


def _check(name: str, bound: _Bound, *, proven: bool = True, more: str = "") -> Check:
    seen = "none" if bound.seen is None else f"{bound.seen:,.4g}{bound.unit}"
    if bound.seen is None or (bound.holds and not proven):
        state = CheckState.UNPROVEN
        more = "" if bound.seen is None else "; too few requests to say so"
    else:
        state = CheckState.HOLDS if bound.holds else CheckState.FAILS
    return Check(f"{name}: {bound.name}", state, f"{seen}{more}")


def _bounds(journey: Journey, settings: LoadSettings) -> Iterator[_Bound]:
    for percent, most_ms, seen_ms in (
        (50, settings.p50_ms, journey.p50_ms),
        (95, settings.p95_ms, journey.p95_ms),
        (99, settings.p99_ms, journey.p99_ms),
    ):
        holds = seen_ms is not None and seen_ms <= most_ms
        yield _Bound(f"p{percent} at most {most_ms:,g} ms", seen_ms, holds, " ms")
    ratio = journey.errors / journey.requests if journey.requests else None
    most, least = settings.error_ratio, settings.least_rate_per_s
    few = ratio is not None and ratio <= most
    yield _Bound(f"at most {most:g} of all requests fail", ratio, few, of_errors=True)
    rate = journey.rate_per_s if journey.requests else None
    yield _Bound(
        f"at least {least:,g} answers/s", rate, rate is not None and rate >= least, " answers/s"
    )


def _comparison(journey: Journey, settings: LoadSettings) -> Iterator[_Bound]:
    worst, before = settings.worst_degradation, journey.baseline
    if worst is None:
        return
    if before is None:
        yield _Bound(f"at most {worst:g} times the baseline", None, holds=False)
        return
    most_ms = max(before.p95_ms * worst, before.p95_ms + settings.spare_ms)
    holds = journey.p95_ms is not None and journey.p95_ms <= most_ms
    yield _Bound(
        f"p95 at most {most_ms:,.4g} ms: {worst:g} times that of {before.from_}",
        journey.p95_ms,
        holds,
        " ms",
    )
    if before.from_ == THIS_RUN:
        return  # one user for a moment says little of a rate; least_rate_per_s does
    least = before.rate_per_s / worst
    yield _Bound(
        f"at least {least:,.4g} answers/s: those of {before.from_}, divided by {worst:g}",
        journey.rate_per_s,
        journey.rate_per_s >= least,
        " answers/s",
    )


def _cause(journey: Journey, bound: _Bound) -> str:
    """Say what may be behind a threshold that is not kept."""
    if bound.holds:
        return ""
    if journey.error_kinds and bound.of_errors:
        kinds = list(journey.error_kinds.items())[:_SHOWN_KINDS]
        return ": " + ", ".join(f"{count:,} {kind}" for kind, count in kinds)
    if journey.busy_percent >= _BUSY_PERCENT:
        return (
            f"; Locust itself took {journey.busy_percent:.0f} % of a core: share the load out with"
            " --load-workers"
        )
    return ""
