"""What the page tells of a release on Supabase: its steps, and who may do what there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_HOW = {
    "fresh": "Begun by this run.",
    "taken up": "Gone on with: the target knew it as unfinished.",
    "unchanged": "Exactly this stood there already: nothing was changed.",
}


def told(deployment: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """
    Tell a release.

    Args:
        deployment: As `report.json` holds it.

    Returns:
        Its id, how it began, its steps and who approved which; None without one.
    """
    if deployment is None:
        return None
    approved = {
        entry["step"]: entry["result"]["by"]
        for entry in deployment["steps"]
        if entry["state"] == "approved"
    }
    others = (entry for entry in deployment["steps"] if entry["state"] != "approved")
    return {
        "release": deployment["release"],
        "how": _HOW.get(deployment["how"], deployment["how"]),
        "steps": [one | {"by": approved.get(one["name"], "")} for one in by_step(others)],
    }


def by_step(entries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """
    Bring the lines of a journal together.

    Args:
        entries: The lines, in their order.

    Returns:
        One for each step: its name, its states, and what it gave.
    """
    steps: dict[str, dict[str, Any]] = {}
    for entry in entries:
        step = steps.setdefault(entry["step"], {"name": entry["step"], "states": [], "result": {}})
        step["states"].append(entry["state"])
        step["result"] = entry.get("result") or step["result"]
    return list(steps.values())


def matrix(access: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """
    Lay rights out: a row for each table, a column for each role and operation.

    Args:
        access: As `report.json` holds it.

    Returns:
        Columns, grouped by role, and rows of fields in their order.
    """
    roles: dict[str, list[str]] = {}
    rows: dict[str, list[dict[str, Any]]] = {}
    for right in access:
        operations = roles.setdefault(right["role"], [])
        if right["operation"] not in operations:
            operations.append(right["operation"])
        rows.setdefault(right["relation"], []).append(
            {"may": right["seen"], "holds": right["seen"] == right["stated"]}
        )
    return {"roles": roles, "rows": rows}
