"""Was exactly this rehearsed, lately, by somebody who may say so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pytest_deploy.config import REHEARSAL
from pytest_deploy.engine.seal import refusals
from pytest_deploy.errors import StepError
from pytest_deploy.gates.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_deploy.config import Settings
    from pytest_deploy.engine.seal import Grounds, SealFile

_GROUNDS = 6  # signature, key, age, grounds, versions, volume


def sealed_rehearsal(
    found: SealFile,
    settings: Settings,
    now: Grounds,
    rows: Mapping[str, int],
    at: datetime | None = None,
) -> Verdict:
    """
    Judge the seal of a rehearsal.

    Args:
        found: The seal.
        settings: Whose seals count, and for how long.
        now: What is about to be deployed.
        rows: Rows of each table now.
        at: The time; now unless given.

    Returns:
        One problem for each reason for which it does not count.
    """
    problems = reasons_against(found, settings, now, rows, at or datetime.now(UTC))
    return Verdict(
        examined=_GROUNDS + len(rows),
        unit="grounds and tables",
        problems=tuple(f"{found.path}: {problem}" for problem in problems),
        measured={
            "sealed_at": found.seal.sealed_at if found.seal else "never",
            "release": found.seal.release if found.seal else "none",
            "key": found.key or "none",
        },
        remedy=f"{rehearse_again(now.env)}; see runbooks/seal-refused.md",
    )


def refuse_unless_green(verdict: Verdict) -> None:
    """
    Stop before anything is changed: a gate stops a deployment when it is judged, this one at once.

    Args:
        verdict: What was found.

    Raises:
        StepError: It has problems.
    """
    if verdict.problems:
        raise StepError(
            "deployment",
            problem="expected nothing against it, seen:\n  " + "\n  ".join(verdict.problems),
            where="the gates of the phase deploy",
            remedy=verdict.remedy,
        )


def rehearse_again(env: str) -> str:
    """
    Say how a seal is come by.

    Args:
        env: The target.

    Returns:
        What to do.
    """
    return f"rehearse what is to be deployed: pytest -m predeploy --env {env}"


def reasons_against(
    found: SealFile,
    settings: Settings,
    now: Grounds,
    rows: Mapping[str, int] | None,
    at: datetime,
) -> tuple[str, ...]:
    """
    Say why a seal does not count.

    Args:
        found: The seal.
        settings: Whose seals count, and for how long.
        now: What is about to be deployed.
        rows: Rows of each table now; None where they are not looked at.
        at: The time.

    Returns:
        All reasons; of a seal that nobody here trusts just that one.
    """
    if found.seal is None:
        return (found.problem,)
    if not found.holds:
        return ("tampered with: the signature is not that of its key",)
    if now.env != REHEARSAL and found.key not in settings.seal.trusted_keys:
        return (f"unknown key: {found.key} is not among [seal] trusted_keys",)
    oldest = timedelta(hours=settings.seal.oldest_hours)
    return tuple(refusals(found.seal, now, rows, oldest=oldest, at=at))
