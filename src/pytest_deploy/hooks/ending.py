"""Writes the evidence, and prints what came of the run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pytest_deploy.config import REHEARSAL
from pytest_deploy.engine.phases import REHEARSING
from pytest_deploy.hooks.keys import SESSION
from pytest_deploy.hooks.running import TERMINATED
from pytest_deploy.report.results import PhaseVerdict

if TYPE_CHECKING:
    from pytest_deploy.report.session import Session

_WRONG = (PhaseVerdict.RED, PhaseVerdict.UNPROVEN)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int | pytest.ExitCode) -> None:
    """Write the evidence, after every fixture is gone; what is unproven does not exit 0."""
    deploy = session.config.stash.get(SESSION, None)
    if deploy is None or not deploy.has_begun:
        return
    from pytest_deploy.audit import log
    from pytest_deploy.report.junit import JUnit
    from pytest_deploy.report.publishing import publish

    verdict = deploy.verdict()
    _tell_people(deploy, verdict)
    log.end()
    if exitstatus == pytest.ExitCode.OK and verdict in _WRONG:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    for error in publish(deploy, os.environ, JUnit.of(session.config.option)):
        session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
        deploy.add_trouble(str(error))
    if exitstatus == TERMINATED:  # pytest prints no summary for an exit code of its own
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            _print_summary(reporter, deploy, session.config)


def _tell_people(deploy: Session, verdict: PhaseVerdict) -> None:
    """Tell whom [release] alert names of what went wrong on an env, and nothing of any row."""
    phases = [phase for phase in deploy.results.phases if phase != REHEARSING]
    if deploy.options.env == REHEARSAL or not phases or verdict not in _WRONG:
        return
    from pytest_deploy.engine.alerts import alert

    closed = sorted({name for phase in phases for name in deploy.closed(phase, besides=())})
    alert(
        deploy.settings.release.alert,
        f"{deploy.settings.app.name}: {', '.join(phases)} on {deploy.options.env} is"
        f" {verdict.value}, run {deploy.release.id}; not green: {', '.join(closed) or 'none'}",
    )


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print the verdict, the gates, the findings, the rows, the times and the evidence."""
    deploy = config.stash.get(SESSION, None)
    if deploy is not None and deploy.has_begun:
        _print_summary(terminalreporter, deploy, config)


def _print_summary(
    reporter: pytest.TerminalReporter, deploy: Session, config: pytest.Config
) -> None:
    from pytest_deploy.report.forms import visible
    from pytest_deploy.report.terminal import summary

    reporter.section("deployment", bold=True)
    for line in summary(deploy, verbose=config.get_verbosity() > 0):
        reporter.write_line(visible(line.text), **({line.colour: True} if line.colour else {}))
    for annotation in deploy.annotations:
        reporter.write_line(annotation)
