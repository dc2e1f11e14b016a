"""A report as it was stored, read so that those of older releases can be told, too."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from pytest_deploy.report.forms import visible

if TYPE_CHECKING:
    from collections.abc import Mapping

    Report = Mapping[str, Any]

_ABSENT: dict[str, Any] = {
    "seal": None,
    "load": None,
    "plan": None,
    "red_twins": None,
    "deployment": None,
    "access": [],
    "retries": [],
    "history": [],
    "trouble": "",
}
_CHECKS = {"fails": 0, "unproven": 1, "holds": 2}


def complete(report: Report) -> dict[str, Any]:
    """
    Fill in what older releases, and runs that ended early, do not tell.

    Args:
        report: What `report.json` holds.

    Returns:
        The same, with everything that is read of it.
    """
    gates = [_whole(gate) for gate in report["gates"]]
    tables = [
        {"copy_s": None, "digest": None, **table, "is_off": _is_off(table)}
        for table in report["tables"]
    ]
    whole: dict[str, Any] = _visible({**_ABSENT, **report, "gates": gates, "tables": tables})
    return whole


def _visible(told: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(told, str):
        return visible(told)
    if isinstance(told, dict):
        return {name: _visible(value) for name, value in told.items()}
    return [_visible(value) for value in told] if isinstance(told, list | tuple) else told


def _whole(gate: Mapping[str, Any]) -> dict[str, Any]:
    """Give a gate of any report all that the page asks for; what does not hold comes first."""
    checks = sorted(gate.get("checks", ()), key=lambda check: _CHECKS.get(check["state"], 0))
    return {"remedy": "", "evidence": [], **gate, "checks": checks}


def _is_off(table: Mapping[str, Any]) -> bool:
    arrived = table["rows_target"] + table["rows_quarantined"]
    return bool(table["cells_different"]) or arrived != table["rows_source"]


def total_s(report: Report) -> float:
    """
    Give the time that a run took.

    Args:
        report: What `report.json` holds.

    Returns:
        In seconds; as its line in the history has it, where there is one.
    """
    for past in report["history"]:
        if past["release"] == report["release"]:
            return float(past["seconds"])
    began, ended = (datetime.fromisoformat(report[f"{end}_at"]) for end in ("started", "finished"))
    return (ended - began).total_seconds()
