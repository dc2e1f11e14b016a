"""What risks are derived from: nothing but what this rehearsal found, measured or was told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_deploy.config import REHEARSAL

if TYPE_CHECKING:
    from pytest_deploy.assessment.dependencies import Dependency
    from pytest_deploy.assessment.environment import Environment
    from pytest_deploy.assessment.steps import PlannedStep
    from pytest_deploy.findings import Finding, Severity
    from pytest_deploy.schema.fidelity import NotKept


@dataclass(frozen=True)
class SourceFacts:
    """
    What is known of the source.

    Args:
        rows: All of its rows.
        size_bytes: The database's size.
        left_behind: Rows and cells that go into quarantine.
        uploads: Files in its folder of uploads.
        is_live: Whether the app was writing while the snapshot was taken.
    """

    rows: int
    size_bytes: int
    left_behind: int
    uploads: int
    is_live: bool


@dataclass(frozen=True)
class Surroundings:
    """
    What was seen around a deployment, before its first step.

    Args:
        environment: The env against the rehearsal.
        dependencies: Services, tools, packages.
        source: The source.
        server: What kind of Postgres it was rehearsed on.
        free_bytes: Free space where the rehearsal works.
    """

    environment: Environment
    dependencies: tuple[Dependency, ...]
    source: SourceFacts
    server: str
    free_bytes: int


@dataclass(frozen=True)
class Given:
    """
    What the app has given, for the rehearsal to try.

    Args:
        lock: Whether a frozen plan is in force.
        expectations: Files of data rules.
        queries: Whether there are statements of its own.
        load: Whether the load is named that it must carry.
        trusted_keys: Keys whose seals count.
        growth: How many times as many rows there may be when it is deployed.
    """

    lock: bool
    expectations: int
    queries: bool
    load: bool
    trusted_keys: int
    growth: float


@dataclass(frozen=True)
class Facts:
    """
    Everything that a rule may look at.

    Args:
        environment: The env against the rehearsal.
        given: What the app has given.
        findings: All findings.
        steps: The steps, as they went.
        not_kept: What of the schema is not kept.
        source: The source; None where it could not be read.
        server: What kind of Postgres it was rehearsed on; empty where there was none.
        gates: The names of all gates that the package asks for, in any phase.
        free_bytes: Free space where the rehearsal works.
        ended_at: Where the rehearsal ended before its end; empty where it is whole.
    """

    environment: Environment
    given: Given
    findings: tuple[Finding, ...] = ()
    steps: tuple[PlannedStep, ...] = ()
    not_kept: tuple[NotKept, ...] = ()
    source: SourceFacts | None = None
    server: str = ""
    gates: frozenset[str] = frozenset()
    free_bytes: int | None = None
    ended_at: str = ""

    @property
    def is_for_rehearsal(self) -> bool:
        """Whether no real target is meant."""
        return self.environment.env == REHEARSAL

    @property
    def seconds(self) -> float:
        """How long all steps took together."""
        return sum(step.seconds or 0.0 for step in self.steps)

    def of_severity(self, severity: Severity, *, settled: bool) -> tuple[Finding, ...]:
        """
        Choose findings.

        Args:
            severity: How much they weigh.
            settled: Whether somebody has chosen a remedy.

        Returns:
            Those.
        """
        return tuple(
            finding
            for finding in self.findings
            if finding.severity is severity and (finding.settled_by is not None) is settled
        )
