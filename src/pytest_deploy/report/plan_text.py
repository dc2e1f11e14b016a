"""The plan as a person reads it: one page of Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_deploy.report.forms import seconds, size
from pytest_deploy.report.markup import plain, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


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
    yield f"# Plan: {plain(plan['app'])} to {plain(plan['env'])}"
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
            f"{plain(plan['database'])}: {source['rows']:,} rows, {size(source['size_bytes'])};"
            " rehearsed on"
            f" {plain(plan['rehearsed_on'])}; all steps took {seconds(plan['seconds'])}."
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
            plain(f"{number}. {step['step']}"),
            plain(step["does"]),
            "failed" if step["seconds"] is None else seconds(step["seconds"]),
            "" if step["rows"] is None else f"{step['rows']:,}",
            "" if step["size_bytes"] is None else size(step["size_bytes"]),
            f"{'**none**; ' if step['irreversible'] else ''}{plain(step['way_back'])}",
        )
        for number, step in enumerate(plan["steps"], 1)
    ]
    yield from table(("step", "does", "took", "rows", "sent", "way back"), rows)


def _locks(plan: Mapping[str, Any]) -> Iterator[str]:
    yield "## Who waits meanwhile, on the target"
    yield ""
    yield "Seen in `pg_locks` while it was rehearsed; what is there but for a moment may be missed."
    yield ""
    for step in plan["steps"]:
        yield f"- {step['step']}{'' if step['locks'] else ': nobody'}"
        yield from (f"  - {plain(lock)}" for lock in step["locks"])


def _manual(plan: Mapping[str, Any]) -> Iterator[str]:
    yield "## Where a person acts"
    yield ""
    yield from (f"- {plain(point)}" for point in plan["manual"])


def _risks(plan: Mapping[str, Any]) -> Iterator[str]:
    risks = plan["risks"]
    yield f"## What may go wrong: {risks['total']}{_bound(risks)}"
    yield ""
    rows = [
        (
            f"{risk['score']} ({risk['likelihood']} x {risk['impact']})",
            plain(f"{risk['code']}: {risk['what']}"),
            plain(risk["evidence"]),
            plain(risk["mitigation"]),
        )
        for risk in risks["risks"]
    ]
    yield from table(("score", "risk", "because", "what helps"), rows)


def _environment(plan: Mapping[str, Any]) -> Iterator[str]:
    seen = plan["environment"]
    reason = f": {seen['reason']}" if seen["reason"] else ""
    yield "## The environment"
    yield ""
    yield f"Database of {plain(seen['env'])}: {plain(seen['look'] + reason)}."
    if seen["local"]:
        yield f"Here: {', '.join(f'{name} {version}' for name, version in seen['local'])}."
    unmet = [f"{met['need']} ({met['problem']})" for met in seen["needs"] if met["problem"]]
    if seen["needs"]:
        whole = f"all {len(seen['needs'])} met"
        yield f"What the plan needs of the server: {plain('; '.join(unmet) or whole)}."
    if seen["compared"]:
        same = seen["compared"] - len(seen["differences"])
        yield f"Compared with the rehearsal's: {same} of {seen['compared']} the same."
    if seen["differences"]:
        yield ""
        names = ("name", "rehearsed", "env", "weight")
        rows = [tuple(plain(one[name]) for name in names) for one in seen["differences"]]
        yield from table(("what differs", "rehearsed", "there", "weight"), rows)
    yield from _variables(seen["variables"])


def _variables(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not found:
        return
    yield ""
    yield "Variables, by name alone:"
    yield ""
    for one in found:
        elsewhere = "" if one["needed"] else ", needed for another env"
        yield f"- {one['name']}: {one['state']}{elsewhere} ({plain(', '.join(one['named_in']))})"


def _dependencies(plan: Mapping[str, Any]) -> Iterator[str]:
    yield "## What it depends on"
    yield ""
    found = plan["dependencies"]
    names = ("name", "version", "state", "found_by")
    rows = [tuple(plain(one[name]) for name in names) for one in found if one["kind"] != "package"]
    yield from table(("what", "version", "state", "how that is known"), rows)
    packages = [f"{o['name']} {o['version']}" for o in found if o["kind"] == "package"]
    yield ""
    yield f"Packages, by their metadata: {', '.join(packages)}."
