"""Renders `report.html` from what `report.json` holds: one file, without a script or a network."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from importlib import resources
from typing import TYPE_CHECKING, Any

from pytest_deploy.engine.phases import DESCRIPTIONS
from pytest_deploy.report import on_target, pictures
from pytest_deploy.report.answer import answer
from pytest_deploy.report.forms import figure, minute, moment, seconds, size, words
from pytest_deploy.report.stored import complete, total_s

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from importlib.resources.abc import Traversable

    from jinja2 import Environment

    Report = Mapping[str, Any]

PAGE = "report.html"
PARTS = (
    ("gates", "Gates"),
    ("findings", "Findings"),
    ("tables", "Tables"),
    ("schema", "Schema"),
    ("load", "Load"),
    ("deployment", "Deployment"),
    ("plan", "Plan and risks"),
    ("twins", "Red twins"),
    ("history", "Former releases"),
    ("run", "The run itself"),
)
_TEMPLATE, _STYLE = "page.html.jinja", "page.css"
_MOST_PROBLEMS = 10
_RUNBOOK = re.compile(r"runbooks/([a-z][a-z-]*)\.md")
_ORDER = {"red": 0, "unproven": 1, "unreached": 2, "green": 3}
_TWINS = {"missed": 0, "not applicable": 1, "caught": 2}


def page(report: Report) -> str:
    """
    Render a report.

    Args:
        report: What `report.json` holds; what an older release did not tell is told as absent.

    Returns:
        HTML, complete in itself.
    """
    told = complete(report)
    style = _text(_STYLE)
    return _environment().get_template(_TEMPLATE).render(**_facts_of(told), **_look(style))


def _facts_of(report: Report) -> dict[str, Any]:
    return {
        "report": report,
        "answer": answer(report),
        "facts": list(_facts(report)),
        "phases": [_phase(report, phase) for phase in report["phases"]],
        "findings": [_finding(finding) for finding in report["findings"]],
        "cells": _cells(report),
        "rates": pictures.rates(report["tables"]),
        "kinds": pictures.kinds(report["schema"]["kinds"]),
        "journeys": [pictures.journey(told) for told in (report["load"] or {}).get("journeys", ())],
        "risks": _risks(report["plan"]),
        "twins": _twins(report["red_twins"]),
        "history": pictures.history(report),
        "times": pictures.times(report["timings_s"]),
        "total_s": total_s(report),
        "steps": on_target.by_step(report["steps"]),
        "deployment": on_target.told(report["deployment"]),
        "matrix": on_target.matrix(report["access"]),
        "runbooks": _runbooks(report),
        "parts": PARTS,
        "most_problems": _MOST_PROBLEMS,
    }


def _look(style: str) -> dict[str, Any]:
    from markupsafe import Markup

    hashed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return {"style": Markup(style), "style_hash": Markup(hashed)}  # noqa: S704 - our own file


def _environment() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    made = Environment(
        loader=FunctionLoader(_text), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    made.filters |= {
        "words": words,
        "seconds": seconds,
        "moment": moment,
        "day": minute,
        "figure": figure,
        "short": lambda value: f"{value:,g}",
        "size": size,
        "relative": _relative,
        "sum": _sum,
        "with_runbooks": lambda text: list(_with_runbooks(text)),
    }
    return made


def _text(name: str) -> str:
    return (resources.files("pytest_deploy.report") / "templates" / name).read_text("utf-8")


def _relative(path: str) -> str:
    from urllib.parse import quote

    return "./" + quote(path)


def _sum(rows: Iterable[Mapping[str, Any]], name: str) -> int:
    return sum(row[name] for row in rows)


def _with_runbooks(text: str) -> Iterator[dict[str, str]]:
    known, last = _known_runbooks(), 0
    for found in _RUNBOOK.finditer(text):
        if found[1] in known:
            yield {"text": text[last : found.start()], "runbook": ""}
            yield {"text": found[0], "runbook": found[1]}
            last = found.end()
    yield {"text": text[last:], "runbook": ""}


def _runbook_files() -> Traversable:
    return resources.files("pytest_deploy.runbooks")


def _known_runbooks() -> frozenset[str]:
    files = (file.name for file in _runbook_files().iterdir())
    return frozenset(name.removesuffix(".md") for name in files if name.endswith(".md"))


def _runbooks(report: Report) -> dict[str, str]:
    """Bring along what the page names: whoever reads it may have nothing else at hand."""
    told = [gate["remedy"] for gate in report["gates"]]
    told += [problem for gate in report["gates"] for problem in gate["problems"][:_MOST_PROBLEMS]]
    told += [action.text for action in answer(report).actions]
    told += [reason.text for reason in answer(report).reasons]
    told += [lost["remedy"] for lost in report["schema"]["not_kept"]]
    told += [risk["mitigation"] for risk in _risks(report["plan"])]
    named = set(_RUNBOOK.findall("\n".join(told))) & _known_runbooks()
    return {name: (_runbook_files() / f"{name}.md").read_text("utf-8") for name in sorted(named)}


def _facts(report: Report) -> Iterator[dict[str, str]]:
    gates, missing = report["gates"], sum(map(len, report["gates_missing"].values()))
    green = sum(gate["state"] == "green" for gate in gates)
    total, tone = len(gates) + missing, "good" if gates else "warn"
    tone = tone if green == total else "bad"
    yield _fact("Gates green", f"{green:,} of {total:,}", tone)
    source, target = (_sum(report["tables"], f"rows_{side}") for side in ("source", "target"))
    kept = _sum(report["tables"], "rows_quarantined")
    arrived = "good" if source == target + kept else "bad"
    more = f"of {source:,}" + (f", {kept:,} in quarantine" if kept else "")
    none = not report["tables"]
    yield _fact(
        "Rows moved",
        "none" if none else f"{target:,}",
        "warn" if none else arrived,
        "" if none else more,
    )
    yield _cells_fact(_cells(report))
    is_open = [f for f in report["findings"] if f["settled_by"] is None]
    blockers = sum(finding["severity"] == "blocker" for finding in is_open)
    risks = sum(finding["severity"] == "risk" for finding in is_open)
    yield _fact(
        "Open blockers", f"{blockers:,}", "bad" if blockers else "good", f"{risks:,} open risks"
    )
    yield _fact("Time", seconds(total_s(report)))


def _cells_fact(cells: Mapping[str, int | None]) -> dict[str, str]:
    compared, different = cells["compared"], cells["different"]
    if compared is None or different is None:
        return _fact("Cells different", "not compared", "warn")
    tone = "bad" if different else "good"
    return _fact("Cells different", f"{different:,}", tone, f"of {compared:,} compared")


def _fact(label: str, value: str, tone: str = "", more: str = "") -> dict[str, str]:
    return {"label": label, "value": value, "tone": tone, "more": more}


def _cells(report: Report) -> dict[str, int | None]:
    """Sum cells up; None where no table's were compared, which is not the same as no cell."""
    found = {}
    for what in ("compared", "different"):
        known = [table[f"cells_{what}"] for table in report["tables"]]
        numbers = [number for number in known if number is not None]
        found[what] = sum(numbers) if numbers else None
    return found


def _phase(report: Report, phase: str) -> dict[str, Any]:
    gates = [gate for gate in report["gates"] if gate["phase"] == phase]
    missing = report["gates_missing"].get(phase, [])
    counts = Counter(gate["state"] for gate in gates)
    said = [f"{counts[state]:,} {state}" for state in _ORDER if counts[state]]
    return {
        "name": phase,
        "description": DESCRIPTIONS.get(phase, ""),
        "gates": sorted(gates, key=lambda gate: _ORDER[gate["state"]]),
        "missing": missing,
        "counted": ", ".join([*said, *([f"{len(missing):,} never ran"] if missing else [])]),
    }


def _finding(finding: Mapping[str, Any]) -> dict[str, Any]:
    settled = finding["settled_by"] is not None
    tones = {"blocker": "bad", "risk": "warn"}
    severity = finding["severity"]
    tone = "good" if settled and severity != "note" else tones.get(severity, "")
    icon = "kept" if tone == "good" else severity
    return {**finding, "tone": tone, "icon": icon}


def _risks(plan: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    risks = ((plan or {}).get("risks") or {}).get("risks", [])
    return sorted(risks, key=lambda risk: -risk["score"])


def _twins(score: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    twins = (score or {}).get("twins", [])
    return sorted(twins, key=lambda twin: _TWINS.get(twin["state"], 0))
