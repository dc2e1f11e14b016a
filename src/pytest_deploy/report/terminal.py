"""What a person reads: the header before the gates, the summary after them."""

from __future__ import annotations

import textwrap
from collections import Counter
from importlib import resources
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from pytest_deploy.findings import Severity
from pytest_deploy.report.answer import said
from pytest_deploy.report.evidence import REPORT
from pytest_deploy.report.forms import count
from pytest_deploy.report.page import PAGE
from pytest_deploy.report.plan import PLAN_TEXT, plan_of
from pytest_deploy.report.results import GateState, PhaseVerdict
from pytest_deploy.report.score import score_lines
from pytest_deploy.retrying import retries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_deploy.findings import Finding
    from pytest_deploy.load.results import Journey
    from pytest_deploy.report.session import Session

_BACK = "rollback"  # the phase, and its runbook
_MARKUP = {
    PhaseVerdict.GREEN: "green",
    PhaseVerdict.RED: "red",
    PhaseVerdict.UNPROVEN: "yellow",
    PhaseVerdict.PARTIAL: "yellow",
}
_STATE_MARKUP = {
    GateState.GREEN: "green",
    GateState.RED: "red",
    GateState.UNPROVEN: "yellow",
    GateState.UNREACHED: "yellow",
}
_SEVERITY_MARKUP = {Severity.BLOCKER: "red", Severity.RISK: "yellow", Severity.NOTE: "cyan"}
_INDENT = " " * 10
_WIDTH = 100
_WORTH_TELLING_S = 0.05
_MOST_TYPED = 2


class Line(NamedTuple):
    """
    One line.

    Args:
        text: The text, without colours.
        colour: The colour that a terminal may give it; None for none.
    """

    text: str
    colour: str | None = None


def header(session: Session) -> list[str]:
    """
    Say what is about to happen, and where.

    Args:
        session: The run.

    Returns:
        Lines.
    """
    env, options = session.options.env, session.options
    planted = [options.planted] if options.planted else []
    if session.only_reads:
        target = f"the database of env {env}, which is only read"
    elif session.results.phases == (_BACK,):
        target = f"the project of env {env}"
    else:
        target = f"{session.postgres.kind} Postgres ({session.postgres.reason})"
    return [
        f"deploy: env {env}, release {session.release.id}",
        f"deploy: source {session.settings.source.database}",
        f"deploy: target {target}",
        *(f"deploy: red twin {name!r} is planted: its gate must be red" for name in planted),
        *(_runbook() if options.emergency else ()),
    ]


def _runbook() -> list[str]:
    """Bring along what to do: in an emergency nobody looks for a file."""
    file = resources.files("pytest_deploy.runbooks") / f"{_BACK}.md"
    return ["", *file.read_text(encoding="utf-8").splitlines(), ""]


def summary(session: Session, *, verbose: bool) -> Iterator[Line]:
    """
    Say what came of it.

    Args:
        session: The run.
        verbose: Whether notes are told one by one.

    Yields:
        Lines.
    """
    verdict = session.verdict()
    phases = ", ".join(session.results.phases)
    came = f"{verdict.value.upper()}   {phases} on {session.options.env}"
    if verdict is PhaseVerdict.PARTIAL:
        what = "gates" if session.rehearsed() is PhaseVerdict.PARTIAL else "red twins"
        came += f"; a selection of the {what}, which no later phase accepts"
    yield Line(f"verdict   {came}", _MARKUP[verdict])
    yield from _gates(session)
    yield from _findings(session, verbose=verbose)
    yield from _schema(session)
    yield from _rows(session)
    yield from _plan(session)
    yield from _load(session)
    if session.red_twins is not None:
        yield from (Line(*told) for told in score_lines(session.red_twins))
    yield from _deployment(session)
    yield _times(session)
    yield from _seal(session)
    yield from _next(session)
    if session.kept_target:
        yield Line(f"target    kept: {session.kept_target}")
        yield Line(f"{_INDENT}`python -m pytest_deploy sweep --kept` removes it")
    yield Line(f"report    {session.release.folder / PAGE}")
    yield Line(f"evidence  {session.release.folder / REPORT}")
    for line in session.trouble.splitlines():
        yield Line(line, "red")


def _gates(session: Session) -> Iterator[Line]:
    counts = Counter(result.state for result in session.results.gates)
    missing = {name for phase in session.results.phases for name in session.missing(phase)}
    counted = [f"{counts[state]} {state.value}" for state in GateState if counts[state]]
    if missing:
        counted.append(f"{len(missing)} never ran")
    yield Line(f"gates     {', '.join(counted) or 'none'}")
    for result in session.results.gates:
        if result.state in (GateState.RED, GateState.UNPROVEN):
            problem = said(result.problems[0]) if result.problems else ""
            why = problem.removeprefix(f"{result.name} is {result.state.value}: ")
            yield Line(
                f"{_INDENT}{result.state.value.upper():<9} {result.name}: {why}",
                _STATE_MARKUP[result.state],
            )
    for name in sorted(missing):
        yield Line(f"{_INDENT}NEVER RAN {name}", "yellow")


def _findings(session: Session, *, verbose: bool) -> Iterator[Line]:
    found = session.findings
    blockers = [finding for finding in found if finding.severity is Severity.BLOCKER]
    settled = sum(not finding.blocks for finding in blockers)
    counts = Counter(finding.severity for finding in found)
    risks, notes = counts[Severity.RISK], counts[Severity.NOTE]
    yield Line(
        f"findings  {count(len(blockers), 'blocker')} ({settled} settled),"
        f" {count(risks, 'risk')}, {count(notes, 'note')}"
    )
    for finding in found:
        if finding.severity is not Severity.NOTE or verbose:
            yield from _finding(finding)
    if notes and not verbose:
        codes = Counter(finding.code for finding in found if finding.severity is Severity.NOTE)
        told = ", ".join(f"{number} {code}" for code, number in sorted(codes.items()))
        yield Line(f"{_INDENT}notes (-v shows them): {told}", "cyan")


def _finding(finding: Finding) -> Iterator[Line]:
    colour = _SEVERITY_MARKUP[finding.severity] if finding.settled_by is None else "green"
    rows = f", {count(finding.count, 'row')}" if finding.count else ""
    keys = f": {', '.join(finding.sample_keys)}" if finding.sample_keys else ""
    more = ", ..." if len(finding.sample_keys) < finding.count and keys else ""
    what = f"{finding.severity.value.upper()} {finding.code} {finding.object}"
    yield Line(f"{_INDENT}{what}{rows}{keys}{more}", colour)
    yield Line(f"{_INDENT}  {finding.message}")
    if finding.settled_by is not None:
        yield Line(f"{_INDENT}  settled: {finding.settled_by}")
    elif finding.remedies and finding.setting:
        yield Line(f"{_INDENT}  remedies: {', '.join(finding.remedies)}; in deploy.toml:")
        for line in finding.setting.split("\n"):
            yield Line(f"{_INDENT}    {line}")


def _schema(session: Session) -> Iterator[Line]:
    if session.fidelity is None:
        return
    kinds = session.fidelity.kinds
    whole = all(kind.kept == kind.total for kind in kinds)
    counted = ", ".join(f"{kind.kind} {kind.kept:,}/{kind.total:,}" for kind in kinds)
    yield from _wrapped(
        f"schema    kept: {counted or 'nothing to keep'}", None if whole else "yellow"
    )
    for kind, lost in groupby(session.fidelity.not_kept, key=lambda lost: lost.kind):
        names = ", ".join(one.object for one in lost)
        yield from _wrapped(f"{_INDENT}not kept, {kind}: {names}", "yellow")


def _wrapped(text: str, colour: str | None = None) -> Iterator[Line]:
    for line in textwrap.wrap(
        text,
        _WIDTH,
        subsequent_indent=_INDENT + "  ",
        break_long_words=False,
        break_on_hyphens=False,
    ) or [text]:
        yield Line(line, colour)


def _rows(session: Session) -> Iterator[Line]:
    tables = session.tables
    if session.only_reads:
        return
    if not tables:
        yield Line("rows      none compared", "yellow")
        return
    source, target = sum(t.rows_source for t in tables), sum(t.rows_target for t in tables)
    kept = sum(t.rows_quarantined for t in tables)
    cells = sum(t.cells_quarantined for t in tables)
    single = f" and {count(cells, 'cell')}" if cells else ""
    yield Line(f"rows      {source:,} source = {target:,} target + {kept:,} in quarantine{single}")
    compared = sum(t.cells_compared or 0 for t in tables)
    different = sum(t.cells_different or 0 for t in tables)
    yield Line(
        f"cells     {compared:,} compared, {different:,} different", "red" if different else None
    )


def _plan(session: Session) -> Iterator[Line]:
    plan = plan_of(session)
    if plan is None:
        return
    risks = plan.risks
    path = session.release.folder / PLAN_TEXT
    bound = "" if risks.largest_total is None else f" of {risks.largest_total}"
    yield Line(f"plan      {path}, risk {risks.total}{bound}", "red" if risks.excess else None)


def _load(session: Session) -> Iterator[Line]:
    for number, one in enumerate(session.load.journeys if session.load else ()):
        times = (one.p50_ms, one.p95_ms, one.p99_ms)
        shown = ("none" if time is None else f"{time:,.1f}" for time in times)
        yield Line(
            f"{'' if number else 'load':<10}{one.journey}: {count(one.requests, 'request')},"
            f" {count(one.errors, 'error')}, {one.rate_per_s:,.0f}/s;"
            f" p50, p95, p99 in ms: {', '.join(shown)}{_measured_before(one)}",
            "red" if one.errors else None,
        )


def _measured_before(journey: Journey) -> str:
    if not journey.earlier_p95_ms:
        return ""
    times = ", ".join(f"{p95_ms:,.1f}" for p95_ms in journey.earlier_p95_ms)
    return f"; measured again, p95 before: {times}"


def _deployment(session: Session) -> Iterator[Line]:
    opened = session.opened
    if opened is not None:
        entries = session.release_deployment.journal.entries
        counts = Counter({entry.step: entry.state for entry in entries}.values())
        counted = ", ".join(f"{number} {state}" for state, number in counts.items())
        told = f"{opened.how}, steps: {counted or 'none'}"
        yield from _wrapped(f"supabase  release {opened.id}, {told}")
    for (what, error), times in sorted(retries().items()):
        yield Line(f"{_INDENT}tried again {times}x: {what} ({error})", "yellow")


def _times(session: Session) -> Line:
    long = {name: s for name, s in session.timings_s.items() if s >= _WORTH_TELLING_S}
    parts = ", ".join(f"{name} {spent:.1f}" for name, spent in long.items())
    return Line(f"time      {session.spent_s():.1f} s" + (f" ({parts})" if parts else ""))


def _seal(session: Session) -> Iterator[Line]:
    found = session.seal
    if found is None:
        return
    if not found.sealed:
        yield Line(f"seal      none: {found.reason}")
        return
    yield Line(f"seal      {session.options.evidence / found.file}, key {found.key}")
    if found.reason:
        yield Line(f"{_INDENT}{found.reason}")


def _next(session: Session) -> Iterator[Line]:
    """What the page says, too; lines for deploy.toml stand with their findings already."""
    if session.options.plants:
        return
    for number, action in enumerate(session.next_actions):
        yield from _wrapped(f"{'' if number else 'next':<10}{action.text}")
        if len(action.lines) <= _MOST_TYPED:
            yield from (Line(f"{_INDENT}  {line}") for line in action.lines)
