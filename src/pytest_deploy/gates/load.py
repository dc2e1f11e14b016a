"""Does the target carry its users: one check for each threshold of each journey."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.gates.verdict import Check, CheckState, Verdict
from pytest_deploy.load.thresholds import Bound, bounds

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
    for number, p95_ms in enumerate(journey.earlier_p95_ms, 1):
        found[f"p95_ms_of_measurement_{number}"] = p95_ms
    return {f"{journey.journey}_{k}": "none" if v is None else v for k, v in found.items()}


def _checks(journey: Journey, settings: LoadSettings) -> Iterator[Check]:
    name, enough = journey.journey, journey.requests >= settings.least_samples
    mistakes = journey.mistakes or {}
    told = ", ".join(f"{what} ({count:,} times)" for what, count in mistakes.items())
    state = CheckState.FAILS if mistakes else CheckState.HOLDS
    # First, since what follows may be no more than its consequence.
    yield Check(f"{name}: no mistake in the file", state, told or "none")
    yield _check(
        name,
        Bound(
            f"at least {settings.least_samples:,} requests", journey.requests, enough, " requests"
        ),
    )
    for bound in bounds(journey, settings):
        yield _check(name, bound, proven=enough, more=_cause(journey, bound))


def _check(name: str, bound: Bound, *, proven: bool = True, more: str = "") -> Check:
    seen = "none" if bound.seen is None else f"{bound.seen:,.4g}{bound.unit}"
    if bound.seen is None or (bound.holds and not proven):
        state = CheckState.UNPROVEN
        more = "" if bound.seen is None else "; too few requests to say so"
    else:
        state = CheckState.HOLDS if bound.holds else CheckState.FAILS
    return Check(f"{name}: {bound.name}", state, f"{seen}{more}")


def _cause(journey: Journey, bound: Bound) -> str:
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
