"""Is it known what a deployment would do, where it would do it, and what may go wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.assessment.environment import Look, Weight
from pytest_deploy.assessment.rules import RULES
from pytest_deploy.gates.verdict import Check, CheckState, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_deploy.assessment.environment import Environment
    from pytest_deploy.assessment.plan import Plan
    from pytest_deploy.assessment.risks import Risk, Risks
    from pytest_deploy.assessment.steps import PlannedStep
    from pytest_deploy.engine.journal import Journal

_FILES = ("plan.json", "plan.md")
_RUNBOOK = "see runbooks/risk-over-bound.md"


def plan_is_complete(plan: Plan, journal: Journal) -> Verdict:
    """
    Compare the plan with what ran.

    Args:
        plan: The plan.
        journal: Of the release.

    Returns:
        One problem for each step that ran and is not told whole, and for each lock that is not.
    """
    ran = tuple(dict.fromkeys(entry.step for entry in journal.entries))
    told = {step.step: step for step in plan.steps}
    wrong = {name: tuple(_missing(told.get(name))) for name in ran}
    return Verdict(
        examined=len(ran),
        unit="steps",
        problems=(
            *(f"step {name}: {what}" for name, found in wrong.items() for what in found),
            *plan.unsaid,
        ),
        measured={"seconds": round(sum(step.seconds or 0.0 for step in plan.steps), 3)},
        checks=tuple(_told(name, told.get(name), found) for name, found in wrong.items()),
        evidence=_FILES,
        remedy=f"let the step describe itself: CONTRIBUTING.md; {_RUNBOOK}",
    )


def _missing(step: PlannedStep | None) -> Iterator[str]:
    if step is None:
        yield "it ran, and is not in the plan"
        return
    if not step.does:
        yield "nobody says what it does"
    if not step.way_back and not step.irreversible:
        yield "nobody says how it is undone"
    if step.seconds is None:
        yield "it did not come to its end: how long it takes is not known"


def _told(name: str, step: PlannedStep | None, missing: tuple[str, ...]) -> Check:
    seen = f"{step.seconds} s; {step.way_back}" if step and not missing else "; ".join(missing)
    state = CheckState.FAILS if missing else CheckState.HOLDS
    return Check(f"{name} is described, measured and has a way back", state, seen)


def risk_is_bounded(risks: Risks) -> Verdict:
    """
    Compare what may go wrong with what may go on.

    Args:
        risks: All risks.

    Returns:
        One problem where the total is over the bound; one check for each risk, which fails where
            the total would be within the bound without it and those before it. A database that is
            not the configured one has no bound.
    """
    heavy = tuple(_heaviest(risks, risks.excess))
    bound = "none" if risks.largest_total is None else risks.largest_total
    total = f"risk {risks.total} in all, [gates.risk] largest_total is {bound}"
    return Verdict(
        examined=len(RULES),
        unit="rules",
        problems=(total, *(f"{r.code} {r.score}: {r.evidence}" for r in heavy)) if heavy else (),
        measured={
            "risk": risks.total,
            "largest_total": bound,
            "risks": len(risks.risks),
        },
        checks=tuple(_weighed(risk, heavy) for risk in risks.risks),
        evidence=_FILES,
        remedy="; ".join((*(f"{r.code}: {r.mitigation}" for r in heavy), _RUNBOOK)),
    )


def _heaviest(risks: Risks, over: int) -> Iterator[Risk]:
    for risk in risks.risks:
        if over <= 0:
            return
        over -= risk.score
        yield risk


def _weighed(risk: Risk, heavy: tuple[Risk, ...]) -> Check:
    state = CheckState.FAILS if risk in heavy else CheckState.HOLDS
    weight = f"{risk.likelihood} x {risk.impact} = {risk.score}"
    return Check(f"{risk.code}: {risk.what}", state, f"{weight}; {risk.evidence}")


def environment_is_as_rehearsed(environment: Environment) -> Verdict:
    """
    Judge the server that the deployment goes to; for a rehearsal, its own.

    Args:
        environment: What was seen.

    Returns:
        One problem for each need that is not met, and for each difference that decides. An env
            whose database is configured and cannot be reached leaves nothing examined; one without
            a configured database leaves the needs, and the figures say so.
    """
    unreachable = environment.look is Look.UNREACHABLE
    deciding = [d for d in environment.differences if d.weight is Weight.DECIDES]
    examined = len(environment.needs) + environment.compared
    return Verdict(
        examined=0 if unreachable else examined,
        unit="needs and settings",
        problems=(
            *(f"{met.need}: {met.problem}" for met in environment.needs if met.problem),
            *(f"{d.name}: rehearsed {d.rehearsed}, there {d.env}" for d in deciding),
        ),
        measured={
            "env": environment.env,
            "looked_at": f"{environment.look.value} {environment.reason}".strip(),
            "differences": len(environment.differences),
        },
        checks=tuple(_checks(environment)),
        evidence=_FILES,
        remedy=f"make the target as it was rehearsed, or rehearse on one like it; {_RUNBOOK}",
    )


def _checks(environment: Environment) -> Iterator[Check]:
    for met in environment.needs:
        state = CheckState.FAILS if met.problem else CheckState.HOLDS
        yield Check(f"needed: {met.need}", state, met.problem)
    for one in environment.differences:
        state = CheckState.FAILS if one.weight is Weight.DECIDES else CheckState.HOLDS
        seen = f"rehearsed {one.rehearsed}, there {one.env}"
        yield Check(f"{one.name}, which {one.weight.value}", state, seen)
    if environment.look is Look.UNREACHABLE:
        what = f"the database of {environment.env} is as rehearsed"
        yield Check(what, CheckState.UNPROVEN, environment.reason)
