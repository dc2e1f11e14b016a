"""What the gates of a run came to, and the verdict that follows."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_deploy.gates.verdict import Check


class GateState(StrEnum):
    """How a gate ended; only `green` is passed."""

    GREEN = "green"
    RED = "red"
    UNPROVEN = "unproven"
    UNREACHED = "unreached"


class PhaseVerdict(StrEnum):
    """What a run came to: red outweighs unproven, which outweighs partial."""

    GREEN = "green"
    RED = "red"
    UNPROVEN = "unproven"
    PARTIAL = "partial"


@dataclass(frozen=True)
class GateResult:
    """
    How one gate ended.

    Args:
        name: The gate.
        phase: Its phase.
        state: How it ended.
        seconds: How long it took, with the fixtures that it was the first to need.
        examined: How much it looked at.
        unit: Of what.
        measured: Its figures.
        problems: What does not hold, or why it proves nothing.
        checks: What was checked one by one.
        evidence: Files that show it, relative to the release's folder.
        remedy: What to do next where a promise does not hold.
    """

    name: str
    phase: str
    state: GateState
    seconds: float = 0.0
    examined: int = 0
    unit: str = ""
    measured: Mapping[str, int | float | str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    evidence: tuple[str, ...] = ()
    remedy: str = ""


@dataclass(frozen=True)
class Sealed:
    """
    Whether a rehearsal was sealed.

    Args:
        sealed: Whether it was.
        file: The seal, relative to the evidence folder; empty where there is none.
        key: The public half of the key; empty where there is none.
        reason: Why it was not sealed, or whose seals count where this one does not.
    """

    sealed: bool
    file: str = ""
    key: str = ""
    reason: str = ""


class Results:
    """Collects the gates of a run."""

    def __init__(self) -> None:
        self._gates: dict[tuple[str, str], GateResult] = {}
        self._collected: dict[str, set[str]] = {}
        self.selected_only: set[str] = set()

    @property
    def gates(self) -> tuple[GateResult, ...]:
        """All results, in the order in which gates ended."""
        return tuple(self._gates.values())

    @property
    def phases(self) -> tuple[str, ...]:
        """The phases that run."""
        return tuple(self._collected)

    def expect(self, phase: str, gates: Iterable[str]) -> None:
        """
        Say which gates will run.

        Args:
            phase: The phase.
            gates: Their names.
        """
        self._collected.setdefault(phase, set()).update(gates)

    def add(self, result: GateResult) -> None:
        """
        Record how a gate ended; a later failure of the same gate outweighs.

        Args:
            result: How it ended.
        """
        key = (result.phase, result.name)
        before = self._gates.get(key)
        if before is None or before.state is GateState.GREEN:
            self._gates[key] = result

    def of_phase(self, phase: str) -> tuple[GateResult, ...]:
        """
        List the results of a phase.

        Args:
            phase: The phase.

        Returns:
            Its results.
        """
        return tuple(result for result in self.gates if result.phase == phase)

    def missing(self, phase: str, required: frozenset[str]) -> frozenset[str]:
        """
        Name the gates that a phase requires and that did not end.

        Args:
            phase: The phase.
            required: What the phase requires.

        Returns:
            Names.
        """
        wanted = required | self._collected.get(phase, set())
        if phase in self.selected_only:
            wanted = frozenset(self._collected.get(phase, set()))
        return frozenset(wanted - {result.name for result in self.of_phase(phase)})

    def verdict(self, phase: str, required: frozenset[str]) -> PhaseVerdict:
        """
        Judge a phase.

        Args:
            phase: The phase.
            required: The gates that it requires.

        Returns:
            Green only when every required gate ran and is green.
        """
        states = {result.state for result in self.of_phase(phase)}
        if GateState.RED in states:
            return PhaseVerdict.RED
        if states & {GateState.UNPROVEN, GateState.UNREACHED} or self.missing(phase, required):
            return PhaseVerdict.UNPROVEN
        return PhaseVerdict.PARTIAL if phase in self.selected_only else PhaseVerdict.GREEN


_WEIGHT = (PhaseVerdict.RED, PhaseVerdict.UNPROVEN, PhaseVerdict.PARTIAL, PhaseVerdict.GREEN)


def worst(verdicts: Iterable[PhaseVerdict]) -> PhaseVerdict:
    """
    Judge a run of several phases.

    Args:
        verdicts: Of each phase.

    Returns:
        The one that weighs most; unproven where there is none.
    """
    found = set(verdicts)
    return next((v for v in _WEIGHT if v in found), PhaseVerdict.UNPROVEN)
