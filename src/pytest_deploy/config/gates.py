"""`[gates]` of `deploy.toml`: what the gates ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import Field, model_validator

from pytest_deploy.config.fields import FilePath, Section


class ExpectationSettings(Section):
    """
    `[gates.expectations]`.

    Args:
        folder: One Great Expectations suite for each table; relative to the configuration. None for
            `expectations` beside it, which need not be there: a folder that is named must be.
    """

    folder: FilePath | None = None


Milliseconds: TypeAlias = Annotated[float, Field(gt=0)]


class HttpLoadSettings(Section):
    """
    `[gates.load.http]`: what is other for journeys over HTTP; what is left out is as for the rest.

    Args:
        users: How many there are at once, in each journey.
        seconds: For how long each journey goes on.
        least_rate_per_s: The fewest answers a second.
        least_samples: The fewest requests that say anything.
    """

    users: Annotated[int | None, Field(ge=1, le=1_000_000)] = None
    seconds: Annotated[float | None, Field(ge=1, le=86_400)] = None
    least_rate_per_s: Annotated[float | None, Field(gt=0)] = None
    least_samples: Annotated[int | None, Field(ge=1)] = None


class LoadSettings(Section):
    """
    `[gates.load]`: how many users there are, and what they may have to wait for.

    Response times count from the intended start of a request, whether or not it began in time.

    Args:
        folder: One locustfile for each journey; relative to the configuration.
        users: How many there are at once, in each journey.
        spawn_rate_per_s: How many of them come a second.
        seconds: For how long each journey goes on once all of them are there.
        connections: Connections to the database that the users share.
        p50_ms: The largest median.
        p95_ms: The largest 95th percentile.
        p99_ms: The largest 99th percentile.
        error_ratio: The largest share of requests that may fail: 0.01 is one in a hundred.
        least_rate_per_s: The fewest answers a second.
        least_samples: The fewest requests that say anything.
        worst_degradation: How many times as long the 95th percentile may be as in the baseline, and
            by how much the answers a second of the last release are divided; None to compare with
            nothing.
        spare_ms: How much longer the 95th percentile may be in any case: small times vary much.
        attempts: How often a journey that is too slow, and nothing else, is measured; the last
            measurement counts. With workers elsewhere it is once.
        worker_wait_seconds: How long workers elsewhere are waited for.
        http: `[gates.load.http]`.
    """

    folder: FilePath = Path("loadtests")
    users: Annotated[int, Field(ge=1, le=1_000_000)] = 10
    spawn_rate_per_s: Annotated[float, Field(gt=0)] = 10.0
    seconds: Annotated[float, Field(ge=1, le=86_400)] = 10.0
    connections: Annotated[int, Field(ge=1, le=10_000)] = 10
    p50_ms: Milliseconds = 100.0
    p95_ms: Milliseconds = 250.0
    p99_ms: Milliseconds = 1000.0
    error_ratio: Annotated[float, Field(ge=0, lt=1)] = 0.0
    least_rate_per_s: Annotated[float, Field(gt=0)] = 1.0
    least_samples: Annotated[int, Field(ge=1)] = 100
    worst_degradation: Annotated[float | None, Field(ge=1)] = None
    spare_ms: Annotated[float, Field(ge=0)] = 20.0
    attempts: Annotated[int, Field(ge=1, le=5)] = 1
    worker_wait_seconds: Annotated[int, Field(ge=1, le=3600)] = 60
    http: HttpLoadSettings = HttpLoadSettings()

    @property
    def over_http(self) -> LoadSettings:
        """The load of journeys over HTTP."""
        other = self.http.model_dump(exclude_none=True)
        return self.model_copy(update=other)

    @model_validator(mode="after")
    def _in_order(self) -> LoadSettings:
        if not self.p50_ms <= self.p95_ms <= self.p99_ms:
            raise ValueError("p50_ms up to p95_ms, and p95_ms up to p99_ms")
        return self


class RiskSettings(Section):
    """
    `[gates.risk]`.

    Args:
        largest_total: The largest sum of likelihood times impact that may go on.
    """

    largest_total: Annotated[int, Field(ge=0)] = 40


class GateSettings(Section):
    """
    `[gates]`.

    Args:
        expectations: `[gates.expectations]`.
        load: `[gates.load]`; None where nobody asks for load.
        risk: `[gates.risk]`.
    """

    expectations: ExpectationSettings = ExpectationSettings()
    load: LoadSettings | None = None
    risk: RiskSettings = RiskSettings()
