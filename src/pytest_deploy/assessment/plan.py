"""The plan: what a deployment would do, in order, as it was measured in a rehearsal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_deploy.findings import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_deploy.assessment.dependencies import Dependency
    from pytest_deploy.assessment.environment import Environment
    from pytest_deploy.assessment.facts import Facts
    from pytest_deploy.assessment.risks import Risks
    from pytest_deploy.assessment.steps import PlannedStep


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
