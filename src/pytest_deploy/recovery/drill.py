"""A drill: how long until all is back, how much would be lost, and how that went before."""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_deploy.recovery.manifest import Manifest

FILE = "drills.jsonl"
TEN_TIMES = 10
_WITH_DATA = frozenset({"check", "database", "accounts", "files", "proof"})


@dataclass(frozen=True)
class Drill:
    """
    A backup that was brought back.

    Args:
        at: When, in UTC, ISO 8601.
        env: Of which env it is.
        seconds: How long each phase took.
        rpo_s: How old the backup was: what was written since then would be lost.
        size_bytes: Its size.
        rows: How many rows came back.
        objects: How many objects.
    """

    at: str
    env: str
    seconds: Mapping[str, float]
    rpo_s: float
    size_bytes: int
    rows: int
    objects: int

    @property
    def rto_s(self) -> float:
        """How long all of it took."""
        return sum(self.seconds.values())

    @property
    def projected_s(self) -> float:
        """How long it would take with ten times the data: what grows with them, ten times."""
        return sum(
            spent * (TEN_TIMES if name in _WITH_DATA else 1) for name, spent in self.seconds.items()
        )


def drill_of(env: str, seconds: Mapping[str, float], manifest: Manifest) -> Drill:
    """
    Sum up a drill.

    Args:
        env: Of which env the backup is.
        seconds: How long each phase took.
        manifest: Of the backup.

    Returns:
        The drill.
    """
    rows = sum(int(told.split()[0]) for told in manifest.rows.values())
    return Drill(
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        env=env,
        seconds=dict(seconds),
        rpo_s=manifest.age.total_seconds(),
        size_bytes=manifest.size_bytes,
        rows=rows,
        objects=len(manifest.objects),
    )


def remember(evidence: Path, drill: Drill) -> None:
    """
    Add a drill to those before it.

    Args:
        evidence: The folder of all runs.
        drill: The drill.
    """
    with (evidence / FILE).open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(drill)) + "\n")


def usual_s(evidence: Path, env: str) -> float | None:
    """
    Tell how long drills took before.

    Args:
        evidence: The folder of all runs.
        env: Of which env.

    Returns:
        The median, in seconds; None where there was none, or none that can be read.
    """
    try:
        lines = (evidence / FILE).read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    spent = [found for line in lines if (found := _seconds(line, env)) is not None]
    return statistics.median(spent) if spent else None


def _seconds(line: str, env: str) -> float | None:
    try:
        told = json.loads(line)
        return sum(told["seconds"].values()) if told["env"] == env else None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None  # cut off by a crash: no reason to know nothing
