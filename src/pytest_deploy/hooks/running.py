"""While gates run: signals unwind the fixtures, closed phases stop the run, no row is told of."""

from __future__ import annotations

import signal
from functools import partial
from typing import TYPE_CHECKING

import pytest

from pytest_deploy.engine.phases import CHANGING
from pytest_deploy.hooks.keys import PHASE, SESSION
from pytest_deploy.report import usage
from pytest_deploy.report.results import GateState, PhaseVerdict

if TYPE_CHECKING:
    import warnings
    from collections.abc import Generator
    from types import FrameType

    from pytest_deploy.report.session import Session
    from pytest_deploy.report.withholding import Withholding

TERMINATED = 128 + signal.SIGTERM
_WITHHOLDING: pytest.StashKey[Withholding] = pytest.StashKey()


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Listen to the hooks that are given no config, where there is a session."""
    if SESSION in config.stash:
        config.pluginmanager.register(_WithoutConfig(config.stash[SESSION]))


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
    raise pytest.exit.Exception("SIGTERM", returncode=TERMINATED)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, object, object]:
    """Close later phases when a gate of this one is closed."""
    phase = item.stash.get(PHASE, None)
    deploy = item.config.stash.get(SESSION, None)
    if (withholding := item.config.stash.get(_WITHHOLDING, None)) is not None:
        withholding.is_on = phase is not None
    outcome = yield
    if phase is None or deploy is None:
        return outcome
    following = nextitem.stash.get(PHASE, None) if nextitem is not None else None
    verdict = deploy.results.verdict(phase, deploy.required(phase))
    closed = any(r.state is not GateState.GREEN for r in deploy.results.of_phase(phase))
    if closed and phase in CHANGING:
        item.session.shouldfail = f"a gate of {phase} is closed"
    elif following not in (phase, None) and verdict is not PhaseVerdict.GREEN:
        item.session.shouldfail = f"{phase} is {verdict.value}: {following} is not begun"
    return outcome


def _stopped_by(error: BaseException) -> str:
    if isinstance(error, pytest.Session.Interrupted):
        return str(error)
    if isinstance(error, KeyboardInterrupt):
        return "Ctrl-C"
    return "SIGTERM" if getattr(error, "returncode", None) == TERMINATED else "pytest.exit()"


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
