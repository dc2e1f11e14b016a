"""What red twins came to: which gate caught which defect, and which did not."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from pytest_deploy.report.results import PhaseVerdict


class TwinState(StrEnum):
    """What became of a defect at a gate that must catch it."""

    CAUGHT = "caught"
    MISSED = "missed"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True)
class TwinResult:
    """
    One defect at one gate.

    Args:
        defect: What was planted.
        gate: The gate that must catch it.
        state: Whether it did.
        caught_by: All gates that said no, this one or others.
        seconds: How long the whole run with this defect took.
        note: Why it was missed or is not applicable; without values from the rows.
        ran: All gates that came to a verdict with this defect.
    """

    defect: str
    gate: str
    state: TwinState
    caught_by: tuple[str, ...] = ()
    seconds: float = 0.0
    note: str = ""
    ran: tuple[str, ...] = ()


@dataclass(frozen=True)
class Score:
    """
    All defects at all gates that must catch them.

    Args:
        twins: One result for each.
        gates_without_twin: Gates for which there is no defect: nobody knows whether they can fail.
        whole: Whether every defect was planted that there is.
    """

    twins: tuple[TwinResult, ...]
    gates_without_twin: tuple[str, ...] = ()
    whole: bool = True

    def count(self, state: TwinState) -> int:
        """
        Count the results of a state.

        Args:
            state: The state.

        Returns:
            How many there are.
        """
        return sum(twin.state is state for twin in self.twins)

    @property
    def verdict(self) -> PhaseVerdict:
        """Green where every defect that has a place is caught, and every gate has one."""
        if self.count(TwinState.MISSED) or self.gates_without_twin:
            return PhaseVerdict.RED
        if not self.count(TwinState.CAUGHT):
            return PhaseVerdict.UNPROVEN
        return PhaseVerdict.GREEN if self.whole else PhaseVerdict.PARTIAL

    def as_report(self) -> dict[str, Any]:
        """
        Tell it as JSON does.

        Returns:
            What `schema.json` describes.
        """
        return {
            "caught": self.count(TwinState.CAUGHT),
            "missed": self.count(TwinState.MISSED),
            "twins": [asdict(twin) for twin in self.twins],
            "gates_without_twin": list(self.gates_without_twin),
        }

    @classmethod
    def of_report(cls, told: dict[str, Any]) -> Score:
        """
        Read what `as_report` told.

        Args:
            told: The part of a report.

        Returns:
            The score.
        """
        twins = tuple(
            TwinResult(
                **{
                    **twin,
                    "state": TwinState(twin["state"]),
                    "caught_by": tuple(twin["caught_by"]),
                    "ran": tuple(twin["ran"]),
                }
            )
            for twin in told["twins"]
        )
        return cls(twins, tuple(told["gates_without_twin"]))
