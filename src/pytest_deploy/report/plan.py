"""Writes `plan.json` and `plan.md`; `plan.schema.json` beside this file documents the first."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pytest_deploy.assessment.dependencies import dependencies
from pytest_deploy.assessment.environment import Environment
from pytest_deploy.assessment.facts import Facts, Given
from pytest_deploy.assessment.plan import Plan, manual
from pytest_deploy.assessment.rules import assess
from pytest_deploy.assessment.steps import planned_all, unsaid
from pytest_deploy.engine.phases import PHASES, REHEARSING
from pytest_deploy.files import write_whole
from pytest_deploy.report.plan_text import plan_text
from pytest_deploy.report.surroundings import folder_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_deploy.report.session import Session

FORMAT = 1
PLAN, PLAN_TEXT = "plan.json", "plan.md"


def make_plan(session: Session, ended_at: str = "") -> Plan:
    """
    Make the plan of what was rehearsed.

    Args:
        session: The run.
        ended_at: Where it ended before its end; empty where it is whole.

    Returns:
        The plan, with what is known.
    """
    facts = _facts(session, ended_at)
    seen = session.surroundings
    return Plan(
        steps=facts.steps,
        unsaid=unsaid(session.steps),
        environment=facts.environment,
        dependencies=seen.dependencies
        if seen
        else dependencies(None, facts.environment, folder_of(session.settings)),
        risks=assess(facts, session.settings.largest_risk),
        manual=tuple(manual(facts)),
        ended_at=ended_at,
    )


def _facts(session: Session, ended_at: str) -> Facts:
    seen, kept = session.surroundings, session.fidelity
    return Facts(
        environment=seen.environment if seen else Environment(session.options.env),
        given=_given(session),
        findings=session.findings,
        steps=planned_all(session.steps, session.timings_s, session.journal),
        not_kept=kept.not_kept if kept else (),
        source=seen.source if seen else None,
        server=seen.server if seen else "",
        gates=frozenset(_gates(session)),
        free_bytes=seen.free_bytes if seen else None,
        ended_at=ended_at,
    )


def _given(session: Session) -> Given:
    settings, lock = session.settings, session.schema_lock
    folder = settings.expectations
    return Given(
        lock=lock is not None and lock.is_file(),
        expectations=len(list(folder.glob("*.json"))) if folder else 0,
        queries=settings.queries is not None,
        load=settings.load is not None,
        trusted_keys=len(settings.seal.trusted_keys),
        growth=settings.seal.largest_growth,
    )


def _gates(session: Session) -> Iterator[str]:
    for phase in PHASES:
        yield from session.required(phase)


def plan_of(session: Session) -> Plan | None:
    """
    Give the plan as its gates judged it, or, where they were not reached, what is known.

    Args:
        session: The run.

    Returns:
        The plan, always the same; None where nothing was rehearsed.
    """
    if REHEARSING not in session.results.phases:
        return None
    if session.plan is None:
        last = session.steps[-1].name if session.steps else "its beginning"
        session.plan = make_plan(session, f"it came as far as {last}")
    return session.plan


def write_plan(session: Session) -> None:
    """
    Write the plan, if there is one, for machines and for people.

    Args:
        session: The run.

    Raises:
        OSError: It cannot be written.
    """
    plan = plan_of(session)
    if plan is None:
        return
    folder, whole = session.release.folder, _whole(session, plan)
    write_whole(folder / PLAN, json.dumps(whole, ensure_ascii=False, indent=2) + "\n")
    write_whole(folder / PLAN_TEXT, plan_text(whole))


def told(session: Session) -> dict[str, Any] | None:
    """
    Tell the plan as the report does.

    Args:
        session: The run.

    Returns:
        Its files, steps and risks; None where nothing was rehearsed.
    """
    plan = plan_of(session)
    if plan is None:
        return None
    return {
        "files": [PLAN, PLAN_TEXT],
        "steps": [asdict(step) for step in plan.steps],
        "risks": asdict(plan.risks),
    }


def _whole(session: Session, plan: Plan) -> dict[str, Any]:
    seen = session.surroundings
    return {
        "format": FORMAT,
        "release": session.release.id,
        "env": session.options.env,
        "app": session.settings.app.name,
        "verdict": session.verdict().value,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "database": session.settings.source.database.name,
        "rehearsed_on": session.target,
        "source": asdict(seen.source) if seen else None,
        "seconds": round(sum(step.seconds or 0.0 for step in plan.steps), 3),
        **asdict(plan),
    }
