"""The pytest plugin: hooks only. Inert where there is neither `deploy.toml` nor `--source`."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import pytest

from pytest_deploy.engine.phases import CHANGING, DESCRIPTIONS, PHASES, phase_of
from pytest_deploy.errors import DeployError
from pytest_deploy.gates.required import gate_name
from pytest_deploy.gates.verdict import GateRecord
from pytest_deploy.report import usage
from pytest_deploy.report.results import GateResult, GateState, PhaseVerdict
from pytest_deploy.report.selection import (
    asks_for_suites,
    is_selection,
    names_phase,
    with_values_joined,
)
from pytest_deploy.report.session import CONFIGURATION, Session, open_session

if TYPE_CHECKING:
    import warnings
    from collections.abc import Generator, Sequence
    from pathlib import Path
    from types import FrameType

    from pytest_deploy.report.withholding import Withholding

SESSION = pytest.StashKey[Session]()
_PHASE = pytest.StashKey[str]()
_RECORD = pytest.StashKey[GateRecord]()
_SHOWN = pytest.StashKey[list[BaseException]]()
_WITHHOLDING: pytest.StashKey[Withholding] = pytest.StashKey()

_UNREACHED = "deploy_unreached"
_WITH_VALUE = frozenset(
    {"--env", "--deploy-config", "--source", "--postgres", "--evidence", "--schema-lock", "--seal"}
    | {"--load-workers", "--load-bind", "--load-expect", "--red-twin"}
)
_FIXTURES = ("databases", "steps", "gates", "data", "load", "assessment", "twins")
_PLAIN = pytest.Collector.CollectError
_TERMINATED = 128 + signal.SIGTERM


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the group `deploy`."""
    group = parser.getgroup("deploy", "deployments (pytest-deploy)")
    group.addoption(
        "--env", default="rehearsal", metavar="NAME", help="the target; default: %(default)s"
    )
    group.addoption(
        "--deploy-config", metavar="FILE", help=f"the configuration; default: {CONFIGURATION}"
    )
    group.addoption(
        "--source", metavar="FILE.db", help="any SQLite file, in place of the configured one"
    )
    group.addoption(
        "--postgres",
        metavar="auto|embedded|container|URL",
        help="where the rehearsal runs; env:NAME for a URL in a variable; default: auto",
    )
    group.addoption(
        "--schema-lock",
        metavar="FILE",
        help="the frozen plan; default: schema.lock beside the configuration of its own source",
    )
    group.addoption(
        "--seal",
        metavar="FILE",
        help="the seal of the rehearsal; default: seal-ENV.json in the evidence folder",
    )
    group.addoption(
        "--load-workers",
        type=int,
        default=0,
        metavar="N",
        help="share the load out to N processes here; default: one makes it",
    )
    group.addoption(
        "--load-expect",
        type=int,
        default=0,
        metavar="N",
        help="and to N that join from elsewhere: python -m pytest_deploy load worker",
    )
    group.addoption(
        "--load-bind",
        metavar="ADDRESS:PORT",
        help="where they join; default: the loopback, port 5557 for those from elsewhere",
    )
    group.addoption(
        "--keep-target", action="store_true", help="leave the rehearsal's database, print its URL"
    )
    group.addoption(
        "--accept-remedies", action="store_true", help="apply the remedies that findings suggest"
    )
    group.addoption(
        "--red-twins", action="store_true", help="plant each known defect: does its gate catch it?"
    )
    group.addoption(
        "--red-twin",
        action="append",
        default=[],
        metavar="DEFECT",
        help="rehearse with this defect planted; with --red-twins plant no others",
    )
    group.addoption(
        "--evidence", default=".deploy", metavar="DIR", help="evidence; default: %(default)s"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | pytest.ExitCode | None:
    """
    Begin again with `--source=FILE` where `--source FILE` was typed.

    pytest looks for its root before plugins have told it their options, and takes FILE for a test:
    it would go by a configuration beside the source, or none, and leave its cache there.
    """
    typed = [str(argument) for argument in config.invocation_params.args]
    joined = with_values_joined(typed, _WITH_VALUE)
    if joined == typed:
        return None
    return pytest.main(joined, plugins=config.invocation_params.plugins)


def pytest_configure(config: pytest.Config) -> None:
    """Register the phases; read the configuration and load the fixtures where there is one."""
    for phase in PHASES:
        config.addinivalue_line("markers", f"{phase}: {DESCRIPTIONS[phase]}")
    with _usage_errors():
        session = open_session(config.option, config.invocation_params.dir, config.rootpath)
        if session is None:
            if names_phase(config.option.markexpr or "") and not _is_worker(config):
                raise usage.inert(config.rootpath)
            return
        _refuse_workers(config)
    config.stash[SESSION] = session
    config.pluginmanager.register(_WithoutConfig(session))
    if session.options.plants:
        from pytest_deploy.twins.hooks import hooks_of

        with _usage_errors():
            config.pluginmanager.register(hooks_of(session))
    config.stash[_SHOWN] = []
    for name in _FIXTURES:
        config.pluginmanager.import_plugin(f"pytest_deploy.fixtures.{name}")


@contextmanager
def _usage_errors() -> Generator[None]:
    """Let pytest print our errors as it prints its own for a command line: exit code 4."""
    try:
        yield
    except DeployError as error:
        raise pytest.UsageError(str(error)) from None


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def _refuse_workers(config: pytest.Config) -> None:
    option, folder = config.option, config.invocation_params.dir
    if not (getattr(option, "numprocesses", None) or getattr(option, "tx", None)):
        return
    phases = names_phase(option.markexpr or "")
    if phases or any(asks_for_suites(argument, folder) for argument in config.args):
        raise usage.workers()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import no test of another kind or phase where exactly one phase is asked for."""
    if config.option.markexpr not in PHASES or collection_path.is_dir():
        return None
    return None if phase_of(collection_path) == config.option.markexpr else True


def pytest_itemcollected(item: pytest.Item) -> None:
    """Give each gate the mark of its phase: that of its folder."""
    phase = phase_of(item.path)
    if phase is not None:
        item.stash[_PHASE] = phase
        item.add_marker(phase)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Bring the gates in the order of phases, and of the steps that they need."""
    gates = [item for item in items if _PHASE in item.stash]
    if not gates:
        return
    with _usage_errors():
        if SESSION not in config.stash:
            raise usage.inert(config.rootpath)
        if _is_worker(config):
            raise usage.workers()
    items.sort(key=_position)


def _position(item: pytest.Item) -> tuple[int, int]:
    """A gate comes as soon as what it needs is there: the more fixtures, the further down."""
    phase = item.stash.get(_PHASE, None)
    needed = len(getattr(item, "fixturenames", ()))
    return (-1, 0) if phase is None else (PHASES.index(phase), needed)


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """Remember of which phases gates were left out."""
    for item in items:
        session = item.config.stash.get(SESSION, None)
        if session is not None and _PHASE in item.stash:
            session.left_out.add(item.stash[_PHASE])


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Say which gates will run; begin the release, before which nothing is written."""
    config, deploy = session.config, session.config.stash.get(SESSION, None)
    gates = [item for item in session.items if _PHASE in item.stash]
    if deploy is None or not gates:
        return
    for item in gates:
        deploy.results.expect(item.stash[_PHASE], [gate_name(item.name)])
        deploy.gates[item.nodeid] = (item.stash[_PHASE], gate_name(item.name))
    folder = config.invocation_params.dir
    chosen = any(is_selection(argument, folder) for argument in config.args)
    # These leave gates out while collecting, and do not say which.
    chosen = chosen or any(getattr(config.option, name, False) for name in ("lf", "stepwise"))
    for phase in deploy.results.phases:
        if chosen or phase in deploy.left_out:
            deploy.results.selected_only.add(phase)
    if config.option.collectonly or config.option.setupplan:
        return
    with _usage_errors():
        if refused := deploy.results.selected_only & CHANGING:
            raise usage.selection(refused)
        if not deploy.only_reads:
            deploy.postgres  # noqa: B018 - chosen now: what cannot be had is refused at once
        deploy.begin()


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    """Print env, source, target and release, once it is known that gates will run."""
    from pytest_deploy.report.terminal import header

    deploy = config.stash.get(SESSION, None)
    return header(deploy) if deploy is not None and deploy.has_begun else []


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Let SIGTERM unwind the fixtures, as Ctrl-C does."""
    deploy = session.config.stash.get(SESSION, None)
    if deploy is None or not deploy.has_begun:
        return (yield)
    before = signal.signal(signal.SIGTERM, _terminate)
    session.config.add_cleanup(partial(_restore, before))
    session.config.add_cleanup(_withholding(session.config).start(session.config.option))
    return (yield)


def _withholding(config: pytest.Config) -> Withholding:
    from pytest_deploy.report.withholding import Withholding

    return config.stash.setdefault(_WITHHOLDING, Withholding())


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """Withhold what a part of a gate prints past pytest's capturing."""
    __tracebackhide__ = True
    if _WITHHOLDING not in item.config.stash:
        return (yield)
    with _withholding(item.config).of_part(item.config.option):
        return (yield)


pytest_runtest_call = pytest_runtest_teardown = pytest_runtest_setup


def pytest_enter_pdb(config: pytest.Config) -> None:
    """Withhold nothing from who looks at it where it happens."""
    if _WITHHOLDING in config.stash:
        _withholding(config).is_on = False


def _restore(before: object) -> None:
    signal.signal(signal.SIGTERM, before)  # type: ignore[arg-type]


def _terminate(_number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one must not stop the unwinding
    raise pytest.exit.Exception("SIGTERM", returncode=_TERMINATED)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, object, object]:
    """Close later phases when a gate of this one is closed."""
    phase = item.stash.get(_PHASE, None)
    deploy = item.config.stash.get(SESSION, None)
    if (withholding := item.config.stash.get(_WITHHOLDING, None)) is not None:
        withholding.is_on = phase is not None
    outcome = yield
    if phase is None or deploy is None:
        return outcome
    following = nextitem.stash.get(_PHASE, None) if nextitem is not None else None
    verdict = deploy.results.verdict(phase, deploy.required(phase))
    closed = any(r.state is not GateState.GREEN for r in deploy.results.of_phase(phase))
    if closed and phase in CHANGING:
        item.session.shouldfail = f"a gate of {phase} is closed"
    elif following not in (phase, None) and verdict is not PhaseVerdict.GREEN:
        item.session.shouldfail = f"{phase} is {verdict.value}: {following} is not begun"
    return outcome


def gate_record(item: pytest.Item) -> GateRecord:
    """
    Give a gate the record that takes its verdicts.

    Args:
        item: The gate.

    Returns:
        Its record, always the same.
    """
    record = GateRecord(gate_name(item.name), item.stash.get(_PHASE, ""))
    return item.stash.setdefault(_RECORD, record)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn what a test did into what a gate says."""
    report = yield
    deploy = item.config.stash.get(SESSION, None)
    if deploy is None or _PHASE not in item.stash:
        return report
    _strip(report, call)
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


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Tell a suite that cannot be imported as a gate that failed: it may have read rows, too."""
    report = yield
    within = phase_of(collector.path) or phase_of(collector.path / "any")
    call = getattr(report, "call", None)
    if within is None or SESSION not in collector.config.stash or call is None:
        return report
    from pytest_deploy.report.tracebacks import Told, told
    from pytest_deploy.report.withholding import stripped

    report.sections = stripped(report.sections)
    error = call.excinfo.value if call.excinfo is not None else None
    # What is no import, or no Python, pytest tells without the values of variables.
    if error is not None and report.failed and not isinstance(error, _PLAIN):
        cause = getattr(error, "cause", error)  # of a conftest.py that cannot be imported
        text = told(cause, verbose=collector.config.get_verbosity() > 0)
        report.longrepr = Told(text)  # type: ignore[assignment]
    return report


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

    shown = item.config.stash[_SHOWN]
    if any(error is before for before in shown):
        report.longrepr = "not reached: what it needs failed before"
        setattr(report, _UNREACHED, True)
        return GateState.UNREACHED
    shown.append(error)
    text = told(error, verbose=item.config.get_verbosity() > 0)
    # It has what pytest asks of its own: a way to the terminal, and a line for the summary.
    report.longrepr = Told(text)  # type: ignore[assignment]
    return GateState.RED


def _result(item: pytest.Item, report: pytest.TestReport, state: GateState) -> GateResult:
    record = item.stash.get(_RECORD, None) or gate_record(item)
    problems = record.problems
    if not problems and state is not GateState.GREEN:
        problems = (str(report.longrepr or "skipped") if not report.skipped else "skipped",)
    return GateResult(
        name=record.name,
        phase=record.phase,
        state=state,
        seconds=round(report.duration, 3),
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


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int | pytest.ExitCode) -> None:
    """Write the evidence, after every fixture is gone; what is unproven does not exit 0."""
    from pytest_deploy.report.junit import JUnit
    from pytest_deploy.report.publishing import publish

    deploy = session.config.stash.get(SESSION, None)
    if deploy is None or not deploy.has_begun:
        return
    verdict = deploy.verdict()
    if exitstatus == pytest.ExitCode.OK and verdict in (PhaseVerdict.RED, PhaseVerdict.UNPROVEN):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    for error in publish(deploy, os.environ, JUnit.of(session.config.option)):
        session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
        deploy.add_trouble(str(error))
    if exitstatus == _TERMINATED:  # pytest prints no summary for an exit code of its own
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            _print_summary(reporter, deploy, session.config)


def _stopped_by(error: BaseException) -> str:
    if isinstance(error, pytest.Session.Interrupted):
        return str(error)
    if isinstance(error, KeyboardInterrupt):
        return "Ctrl-C"
    return "SIGTERM" if getattr(error, "returncode", None) == _TERMINATED else "pytest.exit()"


class _WithoutConfig:
    """The hooks that are given no config: they have to know their session."""

    def __init__(self, deploy: Session) -> None:
        self._deploy = deploy

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Tell what stopped the run; SIGTERM comes this way, too."""
        self._deploy.add_trouble(str(usage.interrupted(_stopped_by(excinfo.value))))

    @pytest.hookimpl(tryfirst=True)
    def pytest_warning_recorded(
        self, warning_message: warnings.WarningMessage, nodeid: str
    ) -> None:
        """Withhold what a gate was warned of, before anything keeps it."""
        from pytest_deploy.report.withholding import is_of_any_test, silence

        gates = self._deploy.gates
        if nodeid in gates or (gates and is_of_any_test(warning_message)):
            silence(warning_message)


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
    from pytest_deploy.report.terminal import summary

    reporter.section("deployment", bold=True)
    for line in summary(deploy, verbose=config.get_verbosity() > 0):
        reporter.write_line(line.text, **({line.colour: True} if line.colour else {}))
    for annotation in deploy.annotations:
        reporter.write_line(annotation)
