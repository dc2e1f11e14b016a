"""Turns what a test did into what a gate says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_deploy.engine.approval import ApprovalNeededError
from pytest_deploy.gates.required import gate_name
from pytest_deploy.gates.verdict import GateRecord
from pytest_deploy.hooks.keys import PHASE, SESSION
from pytest_deploy.report.results import GateResult, GateState

if TYPE_CHECKING:
    from collections.abc import Generator

_RECORD = pytest.StashKey[GateRecord]()
_SHOWN = pytest.StashKey[list[BaseException]]()
_SPENT_S = pytest.StashKey[float]()
_UNREACHED = "deploy_unreached"


def gate_record(item: pytest.Item) -> GateRecord:
    """
    Give a gate the record that takes its verdicts.

    Args:
        item: The gate.

    Returns:
        Its record, always the same.
    """
    record = GateRecord(gate_name(item.name), item.stash.get(PHASE, ""))
    return item.stash.setdefault(_RECORD, record)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn what a test did into what a gate says."""
    report = yield
    deploy = item.config.stash.get(SESSION, None)
    if deploy is None or PHASE not in item.stash:
        return report
    _strip(report, call)
    if report.when != "teardown":
        item.stash[_SPENT_S] = _spent_s(item) + report.duration
    state = _judge(item, call, report)
    if state is not None:
        deploy.results.add(_result(item, report, state))
    return report


def _strip(report: pytest.TestReport, call: pytest.CallInfo[None]) -> None:
    """Withhold what was captured, and reasons that were made while the gate ran."""
    from pytest_deploy.report.withholding import WITHHELD, stripped

    report.sections = stripped(report.sections)
    reason = call.excinfo.value if call.excinfo is not None else None
    if isinstance(reason, pytest.xfail.Exception):
        report.wasxfail = f"reason: {WITHHELD}"
    elif isinstance(reason, pytest.skip.Exception) and isinstance(report.longrepr, tuple):
        path, line, _ = report.longrepr
        if not getattr(reason, "_use_item_location", False):  # a mark's reason is a literal
            report.longrepr = (path, line, f"Skipped: reason {WITHHELD}")


def _judge(
    item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport
) -> GateState | None:
    """Give the state that this part of a test leads to; None where it leads to none."""
    if report.failed and call.excinfo is not None:
        return _failed(item, call.excinfo.value, report)
    if report.skipped or hasattr(report, "wasxfail"):
        return GateState.UNPROVEN
    if report.when != "call" or not report.passed:
        return None
    record = item.stash.get(_RECORD, None)
    unproven = record.unproven if record is not None else "it examined nothing"
    if not unproven:
        return GateState.GREEN
    report.outcome = "failed"
    report.longrepr = f"{gate_name(item.name)} is unproven: {unproven}"
    return GateState.UNPROVEN


def _failed(item: pytest.Item, error: BaseException, report: pytest.TestReport) -> GateState:
    from pytest_deploy.report.tracebacks import Told, told

    shown = item.config.stash.setdefault(_SHOWN, [])
    if any(error is before for before in shown):
        report.longrepr = "not reached: what it needs failed before"
        setattr(report, _UNREACHED, True)
        return GateState.UNREACHED
    shown.append(error)
    text = told(error, verbose=item.config.get_verbosity() > 0)
    # It has what pytest asks of its own: a way to the terminal, and a line for the summary.
    report.longrepr = Told(text)  # type: ignore[assignment]
    return GateState.UNPROVEN if isinstance(error, ApprovalNeededError) else GateState.RED


def _spent_s(item: pytest.Item) -> float:
    return item.stash.get(_SPENT_S, 0.0)


def _result(item: pytest.Item, report: pytest.TestReport, state: GateState) -> GateResult:
    record = item.stash.get(_RECORD, None) or gate_record(item)
    problems = record.problems
    if not problems and state is not GateState.GREEN:
        problems = (str(report.longrepr or "skipped") if not report.skipped else "skipped",)
    return GateResult(
        name=record.name,
        phase=record.phase,
        state=state,
        seconds=round(_spent_s(item), 6),
        examined=record.examined,
        unit=record.unit,
        measured=record.measured,
        problems=problems,
        checks=record.checks,
        evidence=record.evidence,
        remedy=record.remedy,
    )


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Show a gate whose ground was gone already as unreached, without telling it all again."""
    if getattr(report, _UNREACHED, False):
        return "unreached", "u", "UNREACHED"
    return None
