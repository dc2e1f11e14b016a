"""The report as Markdown: `summary.md`, and the summary of a job on GitHub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_deploy.report.answer import answer, said
from pytest_deploy.report.forms import seconds, words
from pytest_deploy.report.markup import block, code, plain, table
from pytest_deploy.report.stored import complete, total_s

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Report = Mapping[str, Any]

SUMMARY = "summary.md"
LARGEST_BYTES = 1024 * 1024  # what GitHub takes for one step
_MARKS = {
    "green": "✅",
    "red": "❌",
    "unproven": "⚠️",
    "partial": "⚠️",
    "unreached": "▫️",
    "blocker": "❌",
    "risk": "⚠️",
    "note": "💬",
}
_CUT = "\n\n*Cut here, to stay within what GitHub takes; report.html has the rest.*\n"


def markdown(report: Report, *, largest_bytes: int = LARGEST_BYTES) -> str:
    """
    Tell a report as Markdown.

    Args:
        report: What `report.json` holds.
        largest_bytes: How large it may become, in UTF-8.

    Returns:
        Markdown; cut at a line where it would be too large, the answer first.
    """
    told = complete(report)
    parts = (_answer, _gates, _findings, _tables, _schema, _load, _plan, _twins, _run)
    text = "\n".join(line for part in parts for line in part(told)) + "\n"
    return _cut(text, largest_bytes)


def _cut(text: str, largest_bytes: int) -> str:
    whole = text.encode()
    if len(whole) <= largest_bytes:
        return text
    room = largest_bytes - len(_CUT.encode())
    if room <= 0:
        return ""
    kept = whole[:room].decode(errors="ignore")
    return kept[: kept.rfind("\n") + 1] + _CUT


def _answer(report: Report) -> Iterator[str]:
    found = answer(report)
    phases = ", ".join(report["phases"])
    yield f"## {_MARKS[report['verdict']]} {plain(found.headline)}"
    yield ""
    yield (
        f"**{report['verdict'].upper()}**: {plain(report['app'])}, {phases} on"
        f" {plain(report['env'])}, release {code(report['release'])},"
        f" {seconds(total_s(report))}"
    )
    yield ""
    for reason in found.reasons:
        named = f"**{plain(words(reason.name))}** is {reason.state}: " if reason.name else ""
        yield f"- {named}{plain(reason.text)}"
    yield "\n### What to do next\n"
    for number, action in enumerate(found.actions, 1):
        yield f"{number}. {plain(action.text)}"
        if action.lines:
            yield from block(action.lines)


def _gates(report: Report) -> Iterator[str]:
    yield "\n### Gates\n"
    rows = [
        (
            f"{_MARKS[gate['state']]} {gate['state']}",
            plain(words(gate["name"])),
            f"{gate['examined']:,} {plain(gate['unit'])}",
            seconds(gate["seconds"]),
            plain(said(gate["problems"][0])) if gate["problems"] else "",
        )
        for gate in report["gates"]
    ]
    rows += [
        ("▫️ never ran", plain(words(name)), "", "", "")
        for names in report["gates_missing"].values()
        for name in names
    ]
    yield from table(("State", "Gate", "Examined", "Time", "Problem"), rows, "No gate ran.")
    failed = [
        (plain(words(gate["name"])), plain(check["name"]), check["state"], plain(check["seen"]))
        for gate in report["gates"]
        for check in gate["checks"]
        if check["state"] != "holds"
    ]
    if failed:
        yield "\n#### Checks that do not hold\n"
        yield from table(("Gate", "Check", "State", "Seen"), failed, "")


def _findings(report: Report) -> Iterator[str]:
    yield "\n### Findings\n"
    rows = [
        (
            _severity(finding),
            code(finding["code"]),
            code(finding["object"]),
            plain(finding["message"]),
            plain(_remedies(finding)),
        )
        for finding in report["findings"]
    ]
    titles = ("Severity", "Code", "Where", "What", "Remedies")
    yield from table(titles, rows, "None.")


def _severity(finding: Mapping[str, Any]) -> str:
    severity = finding["severity"]
    return f"{_MARKS['green' if _is_settled(finding) else severity]} {severity}"


def _is_settled(finding: Mapping[str, Any]) -> bool:
    return finding["settled_by"] is not None


def _remedies(finding: Mapping[str, Any]) -> str:
    if _is_settled(finding):
        return f"settled: {finding['settled_by']}"
    return ", ".join(finding["remedies"])


def _tables(report: Report) -> Iterator[str]:
    yield "\n### Tables\n"
    names = ("rows_source", "rows_target", "rows_quarantined", "cells_compared", "cells_different")
    rows = [
        (code(one["name"]), *(_number(one[name]) for name in names)) for one in report["tables"]
    ]
    titles = ("Table", "Source", "Target", "Quarantine", "Cells compared", "Different")
    yield from table(titles, rows, "No rows were compared.")


def _schema(report: Report) -> Iterator[str]:
    yield "\n### Schema\n"
    kinds = report["schema"]["kinds"]
    counted = ", ".join(f"{kind['kind']} {kind['kept']:,}/{kind['total']:,}" for kind in kinds)
    yield f"Kept: {counted}" if counted else "No schema was compared."
    lost = [
        (plain(one["kind"]), code(one["object"]), plain(one["reason"]), plain(one["remedy"]))
        for one in report["schema"]["not_kept"]
    ]
    if lost:
        yield ""
        yield from table(("Kind", "Not kept", "Reason", "Remedy"), lost, "")


def _load(report: Report) -> Iterator[str]:
    if not report["load"]:
        return
    yield "\n### Load\n"
    rows = [
        (
            plain(one["journey"]),
            f"{one['users']:,}",
            f"{one['requests']:,}",
            f"{one['errors']:,}",
            f"{one['rate_per_s']:,.1f}",
            _ms(one["p50_ms"]),
            ", before it ".join(_ms(time) for time in (one["p95_ms"], *one["earlier_p95_ms"])),
            _ms(one["p99_ms"]),
        )
        for one in report["load"]["journeys"]
    ]
    titles = ("Journey", "Users", "Requests", "Errors", "A second", "p50", "p95", "p99")
    yield from table(titles, rows, "No journey ran.")


def _plan(report: Report) -> Iterator[str]:
    risks = (report["plan"] or {}).get("risks")
    if not risks:
        return
    largest = risks["largest_total"]
    bound = "" if largest is None else f" of at most {largest:,}"
    yield f"\n### Risks: {risks['total']:,}{bound}\n"
    rows = [
        (str(risk["score"]), plain(risk["what"]), plain(risk["mitigation"]))
        for risk in sorted(risks["risks"], key=lambda risk: -risk["score"])
    ]
    yield from table(("Score", "Risk", "Mitigation"), rows, "None was found.")


def _twins(report: Report) -> Iterator[str]:
    score = report["red_twins"]
    if not score:
        return
    yield f"\n### Red twins: {score['caught']:,} caught, {score['missed']:,} missed\n"
    rows = [
        (plain(twin["defect"]), plain(words(twin["gate"])), twin["state"])
        for twin in score["twins"]
        if twin["state"] != "caught"
    ]
    yield from table(("Defect", "Gate", "Came to"), rows, "Every defect was caught.")


def _run(report: Report) -> Iterator[str]:
    seal = report["seal"]
    if seal:
        told = f"sealed: {code(seal['file'])}" if seal["sealed"] else "not sealed"
        reason = f", {plain(seal['reason'])}" if seal["reason"] else ""
        yield f"\nSeal: {told}{reason}"
    if report["trouble"]:
        yield f"\nTrouble: {plain(said(report['trouble']))}"
    yield f"\nTarget: {plain(report['target'] or 'none')}. Evidence: report.html, report.json."


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:,.1f} ms"
