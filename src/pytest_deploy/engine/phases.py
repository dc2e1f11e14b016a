"""The phases of a deployment: folders of `suites/`, in their order."""

from __future__ import annotations

from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PHASES = ("predeploy", "deploy", "cutover", "postdeploy", "incremental", "rollback", "nightly")
REHEARSING = "predeploy"
CHANGING = frozenset(PHASES) - {REHEARSING, "nightly"}
SUITES = "suites"


class Stage(StrEnum):
    """Where the steps of a release are carried out."""

    REHEARSAL = "rehearsal"
    ENV = "env"


DESCRIPTIONS = {
    "predeploy": "rehearses everything on a throw-away target",
    "deploy": "does it; refuses without a fresh, sealed rehearsal",
    "cutover": "load gate on the new version, then switches traffic",
    "postdeploy": "validates, reports, cleans up",
    "incremental": "only what changed; production edits survive",
    "rollback": "instant rollback, or restore",
    "nightly": "drift, data quality, restore drill, credential age",
}


def stage_for(phase: str) -> Stage:
    """
    Say where the steps of a phase are carried out.

    Args:
        phase: The phase.

    Returns:
        On a project that is thrown away, or on that of the env.
    """
    return Stage.ENV if phase in CHANGING else Stage.REHEARSAL


def phase_of(path: Path) -> str | None:
    """
    Name the phase that a file belongs to: the folder directly inside a folder named `suites`.

    Args:
        path: A test file.

    Returns:
        The phase; None where it belongs to none.
    """
    for above, folder in pairwise(path.parts[:-1]):
        if above == SUITES and folder in PHASES:
            return folder
    return None
