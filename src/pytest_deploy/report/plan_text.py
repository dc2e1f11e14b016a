"""The plan as a person reads it: one page of Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_deploy.report.forms import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_LARGE = 1_000
_UNITS = ("B", "kB", "MB", "GB", "TB")


def plan_text(plan: Mapping[str, Any]) -> str:
    """
    Write a plan as Markdown.

    Args:
        plan: As `plan.schema.json` describes it.

    Returns:
        The text.
    """
    parts = (_head, _steps, _risks, _manual, _locks, _environment, _dependencies)
    return "\n".join(line for part in parts for line in (*part(plan), "")).rstrip() + "\n"


def _head(plan: Mapping[str, Any]) -> Iterator[str]:
    risks = plan["risks"]
    yield f"# Plan: {_safe(plan['app'])} to {_safe(plan['env'])}"
    yield ""
    yield (
        f"Rehearsal **{plan['verdict'].upper()}**, risk **{risks['total']}**{_bound(risks)}."
        f" Release {plan['release']}, {plan['made_at']}."
    )
    if plan["ended_at"]:
        yield ""
        yield f"**Not whole**: {plan['ended_at']}. What comes after that is not known."
    source = plan["source"]
    if source is not None:
        yield ""
        yield (
            f"{_safe(plan['database'])}: {source['rows']:,} rows, {_size(source['size_bytes'])};"
            " rehearsed on"
            f" {_safe(plan['rehearsed_on'])}; all steps took {_seconds(plan['seconds'])}."
        )


def _bound(risks: Mapping[str, Any]) -> str:
    largest = risks["largest_total"]
    return ", not bounded" if largest is None else f" of at most {largest}"


def _steps(plan: Mapping[str, Any]) -> Iterator[str]:
    yield "## What it does, in this order"
    yield ""
    if not plan["steps"]:
        yield "No step was rehearsed."
        return
    rows = [
        (
            f"{number}. {step['step']}",
            step["does"],
            "failed" if step["seconds"] is None else _seconds(step["seconds"]),
            "" if step["rows"] is None else f"{step['rows']:,}",
            "" if step["size_bytes"] is None else _size(step["size_bytes"]),
            f"**none**; {step['way_back']}" if step["irreversible"] else step["way_back"],
        )
        for number, step in enumerate(plan["steps"], 1)
    ]
    yield from _table(("step", "does", "took", "rows", "sent", "way back"), rows)


def _locks(plan: Mapping[str, Any]) -> Iterator[str]:
    yield "## Who waits meanwhile, on the target"
    yield ""
    yield "Seen in `pg_locks` while it was rehearsed; what is there but for a moment may be missed."
    yield ""
    for step in plan["steps"]:
        yield f"- {step['step']}{'' if step['locks'] else ': nobody'}"
        yield from (f"  - {_safe(lock)}" for lock in step["locks"])


def _manual(plan: Mapping[str, Any]) -> Iterator[str]:
    yield "## Where a person acts"
    yield ""
    yield from (f"- {_safe(point)}" for point in plan["manual"])


def _risks(plan: Mapping[str, Any]) -> Iterator[str]:
    risks = plan["risks"]
    yield f"## What may go wrong: {risks['total']}{_bound(risks)}"
    yield ""
    rows = [
        (
            f"{risk['score']} ({risk['likelihood']} x {risk['impact']})",
            f"{risk['code']}: {risk['what']}",
            risk["evidence"],
            risk["mitigation"],
        )
        for risk in risks["risks"]
    ]
    yield from _table(("score", "risk", "because", "what helps"), rows)


def _environment(plan: Mapping[str, Any]) -> Iterator[str]:
    seen = plan["environment"]
    reason = f": {seen['reason']}" if seen["reason"] else ""
    yield "## The environment"
    yield ""
    yield f"Database of {_safe(seen['env'])}: {_safe(seen['look'] + reason)}."
    if seen["local"]:
        yield f"Here: {', '.join(f'{name} {version}' for name, version in seen['local'])}."
    unmet = [f"{met['need']} ({met['problem']})" for met in seen["needs"] if met["problem"]]
    if seen["needs"]:
        whole = f"all {len(seen['needs'])} met"
        yield f"What the plan needs of the server: {_safe('; '.join(unmet) or whole)}."
    if seen["compared"]:
        same = seen["compared"] - len(seen["differences"])
        yield f"Compared with the rehearsal's: {same} of {seen['compared']} the same."
    if seen["differences"]:
        yield ""
        rows = [(d["name"], d["rehearsed"], d["env"], d["weight"]) for d in seen["differences"]]
        yield from _table(("what differs", "rehearsed", "there", "weight"), rows)
    yield from _variables(seen["variables"])


def _variables(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not found:
        return
    yield ""
    yield "Variables, by name alone:"
    yield ""
    for one in found:
        elsewhere = "" if one["needed"] else ", needed for another env"
        yield f"- {one['name']}: {one['state']}{elsewhere} ({_safe(', '.join(one['named_in']))})"


def _dependencies(plan: Mapping[str, Any]) -> Iterator[str]:
    yield "## What it depends on"
    yield ""
    found = plan["dependencies"]
    rows = [
        (one["name"], one["version"], one["state"], one["found_by"])
        for one in found
        if one["kind"] != "package"
    ]
    yield from _table(("what", "version", "state", "how that is known"), rows)
    packages = [f"{o['name']} {o['version']}" for o in found if o["kind"] == "package"]
    yield ""
    yield f"Packages, by their metadata: {', '.join(packages)}."


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield f"| {' | '.join(map(_safe, row))} |"


def _safe(text: str) -> str:
    """Keep names of tables and versions from being read as Markdown or HTML."""
    flat = " ".join(visible(text).split()).replace("\\", "\\\\").replace("|", "\\|")
    return flat.replace("<", "&lt;").replace(">", "&gt;").replace("`", "'")


def _seconds(seconds: float) -> str:
    return f"{seconds:,.0f} s" if seconds >= 10 else f"{seconds:.2f} s"  # noqa: PLR2004


def _size(size: int) -> str:
    amount, unit = float(size), 0
    while amount >= _LARGE and unit < len(_UNITS) - 1:
        amount, unit = amount / _LARGE, unit + 1
    return f"{amount:.0f} {_UNITS[unit]}" if unit < 2 else f"{amount:.1f} {_UNITS[unit]}"  # noqa: PLR2004
