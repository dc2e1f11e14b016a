"""What a gate says: what it examined, what it measured, and every problem."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from pytest_deploy.errors import GateClosedError

if TYPE_CHECKING:
    from collections.abc import Mapping

_SHOWN_PROBLEMS = 20
_BY_FINDINGS = "the findings name the lines of deploy.toml; see runbooks/gate-closed.md"


class CheckState(StrEnum):
    """How one check ended; only `holds` is passed."""

    HOLDS = "holds"
    FAILS = "fails"
    UNPROVEN = "unproven"


@dataclass(frozen=True)
class Check:
    """
    One line of what a gate checks: an expectation, a threshold.

    Args:
        name: What is promised, as a person reads it.
        state: Whether it holds.
        seen: What was seen, without values from the rows.
    """

    name: str
    state: CheckState
    seen: str = ""


@dataclass(frozen=True)
class Verdict:
    """
    The outcome of one examination.

    Args:
        examined: How much was looked at; nothing looked at proves nothing.
        unit: Of what: `cells`, `tables`.
        problems: What does not hold, one sentence each, without values from the rows.
        measured: Figures worth keeping as evidence, by name.
        checks: What was checked one by one, where that is worth a line each.
        evidence: Files that show it, relative to the release's folder.
        remedy: What to do next where there are problems; names a runbook.
    """

    examined: int
    unit: str
    problems: tuple[str, ...] = ()
    measured: Mapping[str, int | float | str] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    evidence: tuple[str, ...] = ()
    remedy: str = _BY_FINDINGS


class GateRecord:
    """
    Takes the verdicts of one gate.

    Args:
        name: The gate's name.
        phase: Its phase.
    """

    def __init__(self, name: str, phase: str) -> None:
        self.name = name
        self.phase = phase
        self.verdicts: list[Verdict] = []

    def judge(self, verdict: Verdict) -> None:
        """
        Record a verdict, and close the gate where there are problems.

        Args:
            verdict: What was found; several of them add up.

        Raises:
            GateClosedError: There are problems.
        """
        self.verdicts.append(verdict)
        if not verdict.problems:
            return
        shown = list(verdict.problems[:_SHOWN_PROBLEMS])
        if more := len(verdict.problems) - len(shown):
            shown.append(f"+{more:,} more")
        count = len(verdict.problems)
        raise GateClosedError(
            f"gate {self.name!r}: {count:,} {'problem' if count == 1 else 'problems'}"
            f" in {verdict.examined:,} {verdict.unit}",
            problem="\n  ".join(shown),
            where=f"suites/{self.phase}",
            remedy=verdict.remedy,
        )

    @property
    def examined(self) -> int:
        """How much was looked at, in all."""
        return sum(verdict.examined for verdict in self.verdicts)

    @property
    def unit(self) -> str:
        """Of what."""
        return self.verdicts[0].unit if self.verdicts else ""

    @property
    def unproven(self) -> str:
        """Why it is not proven, problems or none; empty where it is."""
        if not self.examined:
            unproven = (c for c in self.checks if c.state is CheckState.UNPROVEN and c.seen)
            why = next((f": {check.name}: {check.seen}" for check in unproven), "")
            return f"it examined nothing{why}"
        left = [check.name for check in self.checks if check.state is not CheckState.HOLDS]
        if not left:
            return ""
        more = f"; +{len(left) - 1:,} more" if len(left) > 1 else ""
        return f"{len(left):,} of {len(self.checks):,} checks prove nothing: {left[0]}{more}"

    @property
    def problems(self) -> tuple[str, ...]:
        """All problems."""
        return tuple(problem for verdict in self.verdicts for problem in verdict.problems)

    @property
    def remedy(self) -> str:
        """What to do next; empty where nothing is, or where only the runbook of all gates says."""
        told = [verdict.remedy for verdict in self.verdicts if verdict.problems]
        if not told and self.unproven:
            told = [v.remedy for v in self.verdicts if v.remedy != _BY_FINDINGS]
        return next(iter(told), "")

    @property
    def measured(self) -> dict[str, int | float | str]:
        """All figures."""
        return {name: n for verdict in self.verdicts for name, n in verdict.measured.items()}

    @property
    def checks(self) -> tuple[Check, ...]:
        """All checks."""
        return tuple(check for verdict in self.verdicts for check in verdict.checks)

    @property
    def evidence(self) -> tuple[str, ...]:
        """All files."""
        return tuple(path for verdict in self.verdicts for path in verdict.evidence)
