"""Which gates there are, in which order, and what is refused before anything is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_deploy.engine.phases import CHANGING, PHASES, SUITES, phase_of, stage_for
from pytest_deploy.gates.required import gate_name
from pytest_deploy.hooks.keys import PHASE, SESSION, is_worker, usage_errors
from pytest_deploy.report import usage
from pytest_deploy.report.selection import is_selection, suites_named

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

_STAGE = "stage"  # the fixture
# After which there is no way back, or it is too late for any other change.
_ENDING = {"release_completed", "release_ended", "source_looked_at_again"}
_LAST = "audit_log"  # what it looks at is whole when all else is done
_MOST = 1_000
_PLAIN = pytest.Collector.CollectError


@pytest.hookimpl(wrapper=True)
def pytest_ignore_collect(
    collection_path: Path, config: pytest.Config
) -> Generator[None, bool | None, bool | None]:
    """Import no test of another kind or phase where exactly one phase is asked for."""
    ignored = yield
    asked = config.option.markexpr
    if asked in PHASES and not collection_path.is_dir() and phase_of(collection_path) != asked:
        return True
    if ignored and SESSION in config.stash:
        config.stash[SESSION].left_out.update(_phases_within(collection_path))
    return ignored


def _phases_within(path: Path) -> tuple[str, ...]:
    """Name the phases of which a path that is ignored may hold gates."""
    if path.name == SUITES:
        return PHASES
    if path.name.startswith(("__pycache__", ".")) or not (path.is_dir() or path.suffix == ".py"):
        return ()
    phase = phase_of(path) or phase_of(path / "any")
    return () if phase is None else (phase,)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Give each gate the mark of its phase: that of its folder."""
    phase = phase_of(item.path)
    if phase is not None:
        item.stash[PHASE] = phase
        item.add_marker(phase)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Let the fixtures of a release stand on the stage of the gate's phase."""
    phase = phase_of(metafunc.definition.path)
    if phase is not None and _STAGE in metafunc.fixturenames:
        stage, hidden = stage_for(phase), [pytest.HIDDEN_PARAM]
        metafunc.parametrize(_STAGE, [stage], ids=hidden, indirect=True, scope="session")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Bring the gates in the order of phases, and of the steps that they need."""
    gates = [item for item in items if PHASE in item.stash]
    if not gates:
        return
    with usage_errors():
        if SESSION not in config.stash:
            raise usage.inert(config.rootpath)
        if is_worker(config):
            raise usage.workers()
    items.sort(key=_position)


def _position(item: pytest.Item) -> tuple[int, int]:
    """A gate comes as soon as what it needs is there: the more fixtures, the further down."""
    phase = item.stash.get(PHASE, None)
    names = getattr(item, "fixturenames", ())
    needed = _MOST if _ENDING.intersection(names) else len(names)
    needed = _MOST + 1 if _LAST in names else needed
    return (-1, 0) if phase is None else (PHASES.index(phase), needed)


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """Remember of which phases gates were left out."""
    for item in items:
        session = item.config.stash.get(SESSION, None)
        if session is not None and PHASE in item.stash:
            session.left_out.add(item.stash[PHASE])


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Say which gates will run; begin the release, before which nothing is written."""
    config, deploy = session.config, session.config.stash.get(SESSION, None)
    gates = [item for item in session.items if PHASE in item.stash]
    if deploy is None or not gates:
        return
    for item in gates:
        deploy.results.expect(item.stash[PHASE], [gate_name(item.name)])
        deploy.gates[item.nodeid] = (item.stash[PHASE], gate_name(item.name))
    for phase in deploy.results.phases:
        deploy.results.expect(phase, deploy.not_imported.get(phase, ()))
    folder = config.invocation_params.dir
    if config.args_source is pytest.Config.ArgsSource.ARGS:
        pyargs = bool(config.option.pyargs)
        deploy.suites_named = suites_named(config.args, folder, pyargs=pyargs)
    chosen = any(is_selection(argument, folder) for argument in config.args)
    # These leave gates out while collecting, and do not say which.
    chosen = chosen or any(getattr(config.option, name, False) for name in ("lf", "stepwise"))
    for phase in deploy.results.phases:
        if chosen or phase in deploy.left_out:
            deploy.results.selected_only.add(phase)
    if config.option.collectonly or config.option.setupplan:
        return
    with usage_errors():
        if refused := deploy.results.selected_only & CHANGING:
            raise usage.selection(refused)
        if not deploy.only_reads:
            deploy.postgres  # noqa: B018 - chosen now: what cannot be had is refused at once
        deploy.begin()


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    """Print env, source, target and release, once it is known that gates will run."""
    deploy = config.stash.get(SESSION, None)
    if deploy is None or not deploy.has_begun:
        return []
    from pytest_deploy.report.forms import visible
    from pytest_deploy.report.terminal import header

    return [visible(line) for line in header(deploy)]


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

    if report.failed:
        collector.config.stash[SESSION].not_imported.setdefault(within, set()).add(collector.name)
    report.sections = stripped(report.sections)
    error = call.excinfo.value if call.excinfo is not None else None
    # What is no import, or no Python, pytest tells without the values of variables.
    if error is not None and report.failed and not isinstance(error, _PLAIN):
        cause = getattr(error, "cause", error)  # of a conftest.py that cannot be imported
        text = told(cause, verbose=collector.config.get_verbosity() > 0)
        report.longrepr = Told(text)  # type: ignore[assignment]
    return report
