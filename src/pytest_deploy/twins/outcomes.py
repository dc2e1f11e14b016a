"""Reads what a run with a defect came to, from the report that it left."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pytest_deploy.report.evidence import REPORT
from pytest_deploy.report.red_twins import Score, TwinResult, TwinState

if TYPE_CHECKING:
    from pytest_deploy.twins.side_by_side import Ended
    from pytest_deploy.twins.twin import RedTwin


def outcome_of(twin: RedTwin, ended: Ended) -> tuple[TwinResult, ...]:
    """
    Say what became of a defect.

    Args:
        twin: The defect.
        ended: Its run.

    Returns:
        One result for each gate that must catch it: a run that left no report has caught nothing.
    """
    if not ended.in_time:
        return _missed(twin, ended, f"the run took more than {ended.seconds:.0f} s and was stopped")
    for path in ended.run.output.parent.glob(f"2*/{REPORT}"):
        told = json.loads(path.read_text(encoding="utf-8"))["red_twins"]
        if told is not None:
            return Score.of_report(told).twins
    return _missed(
        twin, ended, f"the run ended with exit code {ended.code}: see {ended.run.output}"
    )


def _missed(twin: RedTwin, ended: Ended, note: str) -> tuple[TwinResult, ...]:
    seconds = round(ended.seconds, 3)
    return tuple(
        TwinResult(twin.name, gate, TwinState.MISSED, seconds=seconds, note=note)
        for gate in twin.gates
    )
