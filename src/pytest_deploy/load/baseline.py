"""What a journey is compared with: the last green release of the same env, or one user alone."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from typing import TYPE_CHECKING, Any

from pytest_deploy.load.results import THIS_RUN, Baseline, Span, rate_per_s
from pytest_deploy.load.samples import Sample, percentiles_ms

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_deploy.config.gates import LoadSettings

_REPORT = "report.json"
_LOOKED_AT = 200
LONGEST_ALONE_S = 5.0


def conditions_of(journey: Path, settings: LoadSettings, workers: int, server: str) -> str:
    """
    Digest all that must be the same for two measurements to be comparable.

    Args:
        journey: The locustfile.
        settings: How many users there are, and for how long.
        workers: Processes that make the requests.
        server: Kind and version of the Postgres.

    Returns:
        A short digest.
    """
    files = (journey, *sorted(journey.parent.glob("_*.py")))  # and what it may import
    told = (
        *(hashlib.sha256(file.read_bytes()).hexdigest() for file in files),
        *(settings.users, settings.spawn_rate_per_s, settings.seconds, settings.connections),
        *(workers, server, platform.node(), os.cpu_count()),
    )
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


def kept_baseline(
    evidence: Path, app: str, env: str, journey: str, conditions: str
) -> Baseline | None:
    """
    Look for the last green release of an env, and take its figures where they are comparable.

    Args:
        evidence: The folder of all releases.
        app: The app.
        env: The env.
        journey: The journey's name.
        conditions: See `conditions_of`.

    Returns:
        The baseline; None where there is none of the same conditions.
    """
    for report in _reports(evidence):
        same = report.get("app") == app and report.get("env") == env
        load = report.get("load")
        if not (same and report.get("verdict") == "green" and isinstance(load, dict)):
            continue
        for each in load.get("journeys", ()):
            if each.get("journey") != journey:
                continue
            if each.get("conditions") != conditions:
                return None  # of an older one nobody would know what has happened since
            p95_ms, rate = float(each["p95_ms"]), float(each["rate_per_s"])
            return Baseline(str(report["release"]), p95_ms, rate)
    return None


def _reports(evidence: Path) -> Iterator[dict[str, Any]]:
    """Read reports, the newest first: a release's name begins with its time."""
    found = sorted(evidence.glob(f"2*/{_REPORT}"), reverse=True)
    for path in found[:_LOOKED_AT]:
        try:
            report = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(report, dict):
            yield report


def alone_s(settings: LoadSettings) -> float:
    """
    Say for how long one user is alone, where nothing is kept to compare with.

    Args:
        settings: The load.

    Returns:
        Seconds.
    """
    return min(settings.seconds / 2, LONGEST_ALONE_S)


def measured_alone(samples: list[Sample], until_s: float, users: int) -> Baseline | None:
    """
    Take what the first user saw before the others came.

    Args:
        samples: All requests of a test.
        until_s: When the others came.
        users: How many there are then.

    Returns:
        The baseline; None where that user made no request that was answered.
    """
    span = Span(0.0, until_s)
    alone = [s for s in span.of(samples) if s.finished_s <= until_s and not s.error]
    p95_ms = percentiles_ms(alone)[1]
    if p95_ms is None:
        return None
    return Baseline(THIS_RUN, p95_ms, round(rate_per_s(alone, span) * users, 2))
