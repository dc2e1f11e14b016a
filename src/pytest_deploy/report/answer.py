"""May we deploy, why not, what to do next: the answer that every form of the report begins with."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_deploy.engine.phases import CHANGING
from pytest_deploy.report.forms import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Report = Mapping[str, Any]

_MOST_REASONS = 4
_MOST_NAMES = 4
_MOST_LINES = 24
_DEPLOY, _POSTDEPLOY = "deploy", "postdeploy"
_REHEARSAL = "rehearsal"
_PACKAGED = ("--pyargs", "pytest_deploy.suites")
_DEFAULT = "see runbooks/gate-closed.md"


@dataclass(frozen=True)
class Action:
    """
    One thing to do next.

    Args:
        text: What, in a sentence; it may name a runbook.
        lines: What to type, or to write into deploy.toml.
    """

    text: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reason:
    """
    One thing that speaks for the answer.

    Args:
        text: The reason, in a sentence.
        name: The gate that says so; empty where none does.
        state: How that gate ended.
    """

    text: str
    name: str = ""
    state: str = ""


@dataclass(frozen=True)
class Answer:
    """
    What a reader who knows nothing needs first.

    Args:
        question: What was asked.
        headline: The answer.
        reasons: Why.
        actions: What to do next.
    """

    question: str
    headline: str
    reasons: tuple[Reason, ...]
    actions: tuple[Action, ...]


def answer(report: Report) -> Answer:
    """
    Answer from a report.

    Args:
        report: What `report.json` holds.

    Returns:
        The answer, its reasons and what to do next.
    """
    question, headlines = _words(report)
    return Answer(
        question,
        headlines[report["verdict"]],
        tuple(_at_most(_reasons(report))),
        tuple(_actions(report)),
    )


def _words(report: Report) -> tuple[str, dict[str, str]]:
    """Say yes only to what was asked: a rehearsal for its own target permits no production."""
    phases = ", ".join(report["phases"])
    if CHANGING.isdisjoint(report["phases"]):
        return "May we deploy?", {
            "green": _yes(report),
            "red": "No. Do not deploy.",
            "unproven": "Not yet. It is not proven that we may.",
            "partial": "Not on this. Only a part of the gates ran.",
        }
    return f"Did {phases} go through?", {
        "green": f"Yes. {phases.capitalize()} went through.",
        "red": f"No. {phases.capitalize()} did not go through.",
        "unproven": "Not proven. Treat it as not done.",
        "partial": "Not on this. Only a part of the gates ran.",
    }


def _yes(report: Report) -> str:
    if report["phases"] != ["predeploy"]:
        return "Yes. Every gate is green."
    seal = report["seal"]
    if seal and seal["sealed"] and not seal["reason"] and report["env"] != _REHEARSAL:
        return f"Yes. You may deploy to {report['env']}."
    return "Yes, as far as it was rehearsed."


def _at_most(reasons: Iterator[Reason]) -> Iterator[Reason]:
    found = list(reasons)
    yield from found[:_MOST_REASONS]
    if (more := len(found) - _MOST_REASONS) > 0:
        yield Reason(f"and {more:,} more, below")


def _reasons(report: Report) -> Iterator[Reason]:
    if report["verdict"] == "green":
        yield from _good_reasons(report)
        return
    if report["trouble"]:
        yield Reason(said(report["trouble"]))
    for state in ("red", "unproven"):
        for gate in report["gates"]:
            if gate["state"] == state:
                yield Reason(_problem(gate), gate["name"], state)
    unreached = sum(gate["state"] == "unreached" for gate in report["gates"])
    if unreached:
        yield Reason(f"{count(unreached, 'gate')} not reached: what they need failed before")
    missing = [name for names in report["gates_missing"].values() for name in names]
    if missing:
        more = f", and {len(missing) - _MOST_NAMES:,} more" if len(missing) > _MOST_NAMES else ""
        named = ", ".join(missing[:_MOST_NAMES])
        yield Reason(f"{count(len(missing), 'gate')} never ran: {named}{more}")
    if report["verdict"] == "partial":
        yield Reason("a selection of the gates ran (-k, --lf, --deselect or a path)")


def _problem(gate: Mapping[str, Any]) -> str:
    if not gate["problems"]:
        return str(gate["state"])
    first = said(gate["problems"][0]).removeprefix(f"{gate['name']} is {gate['state']}: ")
    more = len(gate["problems"]) - 1
    return first + (f" (+{more:,} more)" if more else "")


def _good_reasons(report: Report) -> Iterator[Reason]:
    yield Reason(f"{count(len(report['gates']), 'gate')} green, none closed, none unproven")
    tables = report["tables"]
    if tables:
        source = sum(table["rows_source"] for table in tables)
        cells = sum(table["cells_compared"] or 0 for table in tables)
        different = sum(table["cells_different"] or 0 for table in tables)
        yield Reason(
            f"{source:,} rows went over; {cells:,} cells compared, {different:,} different"
        )
    seal = report["seal"]
    if seal and seal["reason"]:
        yield Reason(f"the seal {seal['reason']}" if seal["sealed"] else seal["reason"])


def said(problem: str) -> str:
    """
    Shorten a problem to one line.

    Args:
        problem: A sentence, or an error of four parts with the way to it before it.

    Returns:
        The sentence; of an error what failed, and what was expected and seen.
    """
    return ": ".join(_beginning(problem)[:2])


def _beginning(problem: str) -> list[str]:
    """Leave the way to an error out; what is one line is told as it is."""
    lines = [line.strip() for line in problem.splitlines() if line.strip()]
    for number, line in enumerate(lines):
        kind, colon, _ = line.partition(": ")
        if colon and kind.isidentifier() and len(lines) > 1:
            return lines[number:]
    return lines[:1]


def _actions(report: Report) -> Iterator[Action]:
    if report["verdict"] == "green":
        yield from _onwards(report)
        return
    open_lines = _unsettled(report)
    if open_lines:
        yield Action(
            "Choose a remedy for each blocker, and write it into deploy.toml (see"
            " runbooks/schema-findings.md; --accept-remedies tries those suggested):",
            open_lines,
        )
    for remedy in dict.fromkeys(_remedies(report, settled=not open_lines)):
        yield Action(remedy)
    yield Action(_again(report), (_command(report),))


def _unsettled(report: Report) -> tuple[str, ...]:
    lines: list[str] = []
    for finding in report["findings"]:
        if finding["severity"] == "blocker" and finding["settled_by"] is None:
            lines += (finding["setting"] or f"# {finding['code']} {finding['object']}").split("\n")
    if len(lines) > _MOST_LINES:
        lines[_MOST_LINES:] = ["# ... and more: see the findings below"]
    return tuple(lines)


def _remedies(report: Report, *, settled: bool) -> Iterator[str]:
    for gate in report["gates"]:
        if gate["state"] not in ("red", "unproven"):
            continue
        if gate["state"] == "unproven" and not gate["remedy"]:
            yield "Give what is unproven something to examine, or unskip it: " + _DEFAULT
        elif gate["remedy"]:
            if settled or "the findings name" not in gate["remedy"]:
                yield _sentence(gate["remedy"])
        elif gate["problems"]:
            yield _sentence(gate["problems"][0].strip().splitlines()[-1].strip())
    if report["trouble"]:
        yield _sentence(report["trouble"].strip().splitlines()[-1].strip())


def _again(report: Report) -> str:
    return "Then run the whole phase again:" if report["phases"] else "Then run it again:"


def _command(report: Report, phase: str = "", env: str = "") -> str:
    named = phase or " or ".join(report["phases"])
    marker = f'"{named}"' if " " in named else named
    configuration, env = report["configuration"], env or report["env"]
    borrowed = configuration.get("borrowed")
    suites = configuration.get("suites") or (_PACKAGED if borrowed else ())
    words = ["pytest", *map(shlex.quote, suites), "-m", marker]
    if borrowed:
        words += ["--source", shlex.quote(report["source"])]
    if env != _REHEARSAL:
        words += ["--env", env]
    return " ".join(words)


def _onwards(report: Report) -> Iterator[Action]:
    seal = report["seal"]
    if report["phases"] != ["predeploy"]:
        if report["phases"][-1:] == [_DEPLOY]:
            yield Action("Prove it on the target itself:", (_command(report, _POSTDEPLOY),))
        else:
            yield Action("Nothing. Keep this evidence.")
    elif seal is None or not seal["sealed"]:
        yield Action(
            "A deployment asks for a seal. Rehearse the source of deploy.toml for its target:",
            (_rehearsal_for_target(report),),
        )
    elif seal["reason"] or report["env"] == _REHEARSAL:
        yield Action(
            "Rehearse for the target itself, with a key that its deploy.toml trusts:",
            ("python -m pytest_deploy seal key", _rehearsal_for_target(report)),
        )
    else:
        yield Action("Deploy while the seal is fresh:", (_command(report, _DEPLOY),))
    if any(f["settled_by"] and f["severity"] == "blocker" for f in report["findings"]):
        yield Action("Read the settled blockers once more: each is a decision of yours.")


def _rehearsal_for_target(report: Report) -> str:
    own = {**report["configuration"], "borrowed": False}
    return _command({**report, "configuration": own}, "predeploy", "NAME")


def _sentence(text: str) -> str:
    is_name = "_" in text.partition(" ")[0]  # of a risk, a gate: it is written as it is
    return text if is_name else text[:1].upper() + text[1:]
