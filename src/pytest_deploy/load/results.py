"""What a journey measured, in the words of the report."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from pytest_deploy.load.samples import Sample, percentiles_ms

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

THIS_RUN = "this run"


@dataclass(frozen=True)
class Baseline:
    """
    What a journey is compared with.

    Args:
        from_: A release; or `this run`: one user alone, just before the others came.
        p95_ms: The 95th percentile then.
        rate_per_s: Answers a second then; of one user alone as many times as there are users.
    """

    from_: str
    p95_ms: float
    rate_per_s: float


@dataclass(frozen=True)
class Point:
    """
    One second of a journey.

    Args:
        at_s: When the second ended, since all users were there.
        rate_per_s: Answers in it.
        p50_ms: The median of response times that ended in it; None where none did.
        p95_ms: The 95th percentile.
        p99_ms: The 99th percentile.
        errors: Requests that failed in it.
    """

    at_s: float
    rate_per_s: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    errors: int


@dataclass(frozen=True)
class Named:
    """
    All requests of one name.

    Args:
        name: The name.
        requests: How many.
        errors: How many of them failed.
        p50_ms: The median.
        p95_ms: The 95th percentile.
        p99_ms: The 99th percentile.
    """

    name: str
    requests: int
    errors: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True)
class Journey:
    """
    What one journey measured while all its users were there.

    Args:
        journey: Its name: that of the file.
        users: How many there were.
        seconds: For how long.
        requests: Requests that were due in that time.
        errors: How many of them failed.
        rate_per_s: Answers a second.
        p50_ms: The median, from the intended start of each request; None without any.
        p95_ms: The 95th percentile.
        p99_ms: The 99th percentile.
        conditions: A digest of all that must be the same for a comparison.
        baseline: What it is compared with; None where nobody asks for a comparison.
        series: Second by second.
        requests_by_name: Request by request.
        error_kinds: How often each kind of error came.
        mistakes: Errors of the file itself: class, line and how often.
        busy_percent: The most that a process of Locust took of one core; 0 where it was little.
        files: Evidence, relative to the release's folder.
        earlier_p95_ms: The 95th percentile of each measurement before this one: the journey, or one
            beside it, was too slow.
    """

    journey: str
    users: int
    seconds: float
    requests: int
    errors: int
    rate_per_s: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    conditions: str = ""
    baseline: Baseline | None = None
    series: tuple[Point, ...] = ()
    requests_by_name: tuple[Named, ...] = ()
    error_kinds: Mapping[str, int] | None = None
    mistakes: Mapping[str, int] | None = None
    busy_percent: float = 0.0
    files: tuple[str, ...] = ()
    earlier_p95_ms: tuple[float, ...] = ()


@dataclass(frozen=True)
class Load:
    """
    What all journeys measured.

    Args:
        journeys: One after another.
        workers: Processes that made the requests.
        role: The role that they were made as; empty for the one that connected.
    """

    journeys: tuple[Journey, ...]
    workers: int
    role: str = ""


@dataclass(frozen=True)
class Span:
    """
    The part of a test that counts.

    Args:
        begin_s: When all users were there, since the test began.
        end_s: When it ended.
    """

    begin_s: float
    end_s: float

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.end_s - self.begin_s

    def of(self, samples: Iterable[Sample]) -> list[Sample]:
        """
        List the requests that were due in it.

        Args:
            samples: Requests, whenever they were due.

        Returns:
            Those, in the same order.
        """
        return [s for s in samples if self.begin_s <= s.due_s < self.end_s]


def measured(name: str, users: int, samples: list[Sample], span: Span) -> Journey:
    """
    Measure a journey.

    Args:
        name: Its name.
        users: How many there were.
        samples: All its requests.
        span: The part that counts.

    Returns:
        Figures, without a baseline.
    """
    due = span.of(samples)
    p50, p95, p99 = percentiles_ms(due)
    return Journey(
        journey=name,
        users=users,
        seconds=round(span.seconds, 3),
        requests=len(due),
        errors=sum(1 for s in due if s.error),
        rate_per_s=rate_per_s(due, span),
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        series=tuple(_series(samples, span)),
        requests_by_name=tuple(_by_name(due)),
        error_kinds=dict(Counter(s.error for s in due if s.error).most_common()),
    )


def rate_per_s(samples: Iterable[Sample], span: Span) -> float:
    """
    Count answers: what ends after the time has not been answered in time.

    Args:
        samples: Requests that were due in the span.
        span: The time.

    Returns:
        Answers a second.
    """
    answered = sum(1 for s in samples if not s.error and s.finished_s <= span.end_s)
    return round(answered / span.seconds, 2) if span.seconds else 0.0


def _series(samples: list[Sample], span: Span) -> Iterable[Point]:
    ended: dict[int, list[Sample]] = defaultdict(list)
    for sample in samples:
        ended[math.floor(sample.finished_s - span.begin_s)].append(sample)
    for second in range(int(span.seconds)):
        here = ended[second]
        errors = sum(1 for s in here if s.error)
        p50, p95, p99 = percentiles_ms(here)
        yield Point(float(second + 1), float(len(here) - errors), p50, p95, p99, errors)


def _by_name(samples: list[Sample]) -> Iterable[Named]:
    found: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        found[sample.name].append(sample)
    for name, here in sorted(found.items()):
        p50, p95, p99 = percentiles_ms(here)
        yield Named(name, len(here), sum(1 for s in here if s.error), p50, p95, p99)


def joined(first: Load | None, second: Load) -> Load:
    """
    Put two loads together, as one report shows them.

    Args:
        first: What was measured before; None where nothing was.
        second: What was measured now.

    Returns:
        All journeys.
    """
    if first is None:
        return second
    workers, role = max(first.workers, second.workers), first.role or second.role
    return Load((*first.journeys, *second.journeys), workers, role)


def told(load: Load) -> dict[str, object]:
    """
    Tell a load as JSON does.

    Args:
        load: The load.

    Returns:
        What `schema.json` describes.
    """
    words = asdict(load)
    for journey in words["journeys"]:
        if journey["baseline"]:
            journey["baseline"]["from"] = journey["baseline"].pop("from_")
    return words
