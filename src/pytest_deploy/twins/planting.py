"""One run with one defect: plants it, and notes which gates said no."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from pytest_deploy.engine.phases import phase_of
from pytest_deploy.errors import DeployError, GateClosedError
from pytest_deploy.gates.required import gate_name
from pytest_deploy.report.red_twins import Score, TwinResult, TwinState
from pytest_deploy.report.results import GateState
from pytest_deploy.twins.choice import chosen, is_long
from pytest_deploy.twins.twin import NotApplicable

if TYPE_CHECKING:
    from collections.abc import Generator

    from pytest_deploy.report.session import Session
    from pytest_deploy.twins.twin import RedTwin

_NEVER = "never planted: no gate asked for the fixture {}"


class Planting:
    """
    The hooks of a run with a defect.

    Args:
        deploy: The run.
        name: What the defect is called.
    """

    def __init__(self, deploy: Session, name: str) -> None:
        self._deploy = deploy
        self._name = name
        self._twin: RedTwin | None = None
        self._begun_s = time.monotonic()
        self._closed: list[str] = []
        self._planted = False
        self._not_applicable = ""
        self._trouble = ""

    def pytest_collection_modifyitems(
        self, session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Look the defect up, and leave out what takes long and has nothing to do with it."""
        gates = [item for item in items if phase_of(item.path) is not None]
        if config.option.collectonly or config.option.setupplan or not gates:
            return
        (self._twin,) = chosen(session, gates, [self._name])
        takes_long = {gate_name(item.name) for item in gates if is_long(item)}
        if not takes_long.isdisjoint(self._twin.gates):
            return
        config.hook.pytest_deselected(items=[item for item in gates if is_long(item)])
        items[:] = [item for item in items if item not in gates or not is_long(item)]

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """Plant the defect as soon as the fixture is there."""
        value = yield
        twin = self._twin
        if twin is None or fixturedef.argname != twin.after or self._planted:
            return value
        try:
            planted = twin.plant(request, value)
        except NotApplicable as reason:
            self._not_applicable = str(reason)
            request.session.shouldstop = f"the red twin is not applicable: {reason}"
            return value
        except Exception as error:
            self._trouble = f"planting it failed: {_named(error)}"
            raise
        self._planted = True
        if not twin.replaces:
            return value
        fixturedef.cached_result = (planted, fixturedef.cache_key(request), None)  # type: ignore[arg-type]
        return planted

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note a gate that said no: one that crashed has caught nothing."""
        said_no = call.excinfo is not None and isinstance(call.excinfo.value, GateClosedError)
        if said_no and call.when == "call" and phase_of(item.path) is not None:
            self._closed.append(gate_name(item.name))
        return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Leave the outcome where the report is made of it."""
        if self._twin is not None:
            self._deploy.red_twins = self._score(self._twin)

    def _score(self, twin: RedTwin) -> Score:
        green = [one.name for one in self._deploy.results.gates if one.state is GateState.GREEN]
        results = []
        for gate in twin.gates:
            state, note = self._outcome(twin, gate)
            results.append(
                TwinResult(
                    defect=twin.name,
                    gate=gate,
                    state=state,
                    caught_by=tuple(self._closed) if self._planted else (),
                    seconds=round(time.monotonic() - self._begun_s, 3),
                    note=note,
                    ran=(*green, *self._closed),
                )
            )
        return Score(tuple(results))

    def _outcome(self, twin: RedTwin, gate: str) -> tuple[TwinState, str]:
        if self._not_applicable:
            return TwinState.NOT_APPLICABLE, self._not_applicable
        if not self._planted:
            return TwinState.MISSED, self._trouble or _NEVER.format(twin.after)
        if gate in self._closed:
            return TwinState.CAUGHT, ""
        states = {one.name: one.state for one in self._deploy.results.gates}
        return TwinState.MISSED, _why(states.get(gate))


def _why(state: GateState | None) -> str:
    if state is GateState.GREEN:
        return "the gate is green all the same"
    if state is GateState.RED:
        return "the gate failed by an error, which is not a verdict"
    if state is GateState.UNREACHED:
        return "the gate was not reached: what it needs failed"
    return "the gate did not run" if state is None else "the gate proved nothing"


def _named(error: BaseException) -> str:
    """Name an error without its message, which may quote a row, unless it is ours."""
    if isinstance(error, DeployError):
        return str(error).partition("\n")[0]
    code = ""
    with suppress(AttributeError):
        code = f" {error.sqlstate}" if error.sqlstate else ""  # type: ignore[attr-defined]
    return f"{type(error).__name__}{code}"
