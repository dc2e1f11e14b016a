"""`--red-twins`: after a rehearsal without a defect, one with each, and the score."""

from __future__ import annotations

import os
from contextlib import closing, contextmanager
from itertools import count
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from pytest_deploy.engine.phases import phase_of
from pytest_deploy.errors import ConfigError
from pytest_deploy.gates.required import gate_name
from pytest_deploy.report.red_twins import Score, TwinResult, TwinState
from pytest_deploy.secrets import SEAL_KEY
from pytest_deploy.twins.choice import chosen, is_long
from pytest_deploy.twins.outcomes import outcome_of
from pytest_deploy.twins.side_by_side import Run, carry_out

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    from pytest_deploy.providers.postgres.base import Server
    from pytest_deploy.report.session import Session
    from pytest_deploy.twins.twin import RedTwin

FOLDER = "twins"
PHASE = "predeploy"
_SERVER = "PYTEST_DEPLOY_RED_TWINS_POSTGRES"
# What belongs to this run alone: neither is a run with a defect what CI should tell of.
_NOT_THEIRS = ("--red-twin", "--keep-target")
_NOT_FOR_THEM = ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT", SEAL_KEY)
_LEAST_S = 300.0
_TIMES_THE_FIRST = 20
_NO_GATE = "no gate of that name runs here"


class RedTwins:
    """
    The hooks of a run with `--red-twins`.

    Args:
        deploy: The run.
    """

    def __init__(self, deploy: Session) -> None:
        self._deploy = deploy

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Refuse what gives no score, before anything is written."""
        phases = {phase_of(item.path) for item in session.items} - {None}
        if session.config.option.collectonly or session.config.option.setupplan or not phases:
            return
        if phases != {PHASE}:
            raise pytest.UsageError(str(_only_predeploy(phases)))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Rehearse with each defect in turn, once the rehearsal without one is green."""
        deploy = self._deploy
        if not deploy.has_begun:
            return (yield)
        items = [item for item in session.items if phase_of(item.path)]
        twins, wanted = chosen(session, items, ()), chosen(session, items, deploy.options.red_twin)
        done = yield
        if not deploy.is_green():
            deploy.add_trouble(str(_not_green(deploy)))
            return done
        gates = {gate_name(item.name): is_long(item) for item in items}
        promised = {gate for twin in twins for gate in twin.gates}
        results = self._rehearse(session.config, wanted, gates)
        without = tuple(sorted(gates.keys() - promised))
        deploy.red_twins = Score(results, without, whole=len(wanted) == len(twins))
        return done

    def _rehearse(
        self, config: pytest.Config, twins: tuple[RedTwin, ...], gates: Mapping[str, bool]
    ) -> tuple[TwinResult, ...]:
        """Rehearse with each defect that one of the gates must catch, and tell as it ends."""
        by_name = {twin.name: twin for twin in twins if not gates.keys().isdisjoint(twin.gates)}
        found = {twin.name: _idle(twin) for twin in twins}
        limit_s = max(_LEAST_S, _TIMES_THE_FIRST * self._deploy.spent_s())
        tell = _teller(config, len(by_name))
        with self._served() as url:
            runs = [
                self._run(config, twin, apart=any(gates.get(gate) for gate in twin.gates))
                for twin in by_name.values()
            ]
            environment = {k: v for k, v in os.environ.items() if k not in _NOT_FOR_THEM}
            environment[_SERVER] = url
            folder = config.invocation_params.dir
            with closing(carry_out(runs, folder, environment, limit_s)) as all_ended:
                for ended in all_ended:
                    found[ended.run.name] = outcome_of(by_name[ended.run.name], ended)
                    tell(found[ended.run.name])
        return tuple(result for twin in twins for result in found[twin.name])

    @contextmanager
    def _served(self) -> Iterator[str]:
        """Serve one Postgres for all; each run makes a database of its own there."""
        from pytest_deploy.providers.postgres.choice import serve
        from pytest_deploy.workspace import Workspace

        choice = self._deploy.postgres
        if choice.url is not None:
            yield choice.url.reveal()
            return
        workspace = Workspace.create(f"{self._deploy.release.id}-{FOLDER}")
        try:
            with serve(choice, workspace) as server:
                yield _address(server)
        finally:
            workspace.close()

    def _run(self, config: pytest.Config, twin: RedTwin, *, apart: bool) -> Run:
        folder = self._deploy.release.folder / FOLDER / twin.folder
        folder.mkdir(parents=True)
        typed = [str(argument) for argument in config.invocation_params.args]
        arguments = [argument for argument in typed if not argument.startswith(_NOT_THEIRS)]
        arguments += [
            f"--red-twin={twin.name}",
            f"--evidence={folder}",
            f"--postgres=env:{_SERVER}",
            "--maxfail=0",
            "-pno:cacheprovider",
        ]
        if getattr(config.option, "xmlpath", None):
            arguments.append(f"--junitxml={folder / 'junit.xml'}")
        return Run(twin.name, tuple(arguments), folder / "output.txt", apart=apart)


def _address(server: Server) -> str:
    """Give the address of one of ours, password and all: for the environment of our runs alone."""
    user, password, database = (
        quote(part, safe="")
        for part in (server.user, server.password.reveal(), server.admin_database)
    )
    return f"postgresql://{user}:{password}@{server.host}:{server.port}/{database}"


def _idle(twin: RedTwin) -> tuple[TwinResult, ...]:
    return tuple(
        TwinResult(twin.name, gate, TwinState.MISSED, note=_NO_GATE) for gate in twin.gates
    )


def _teller(config: pytest.Config, of: int) -> Callable[[tuple[TwinResult, ...]], None]:
    """Give what tells of each run as it ends."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    ended = count(1)

    def tell(results: tuple[TwinResult, ...]) -> None:
        if reporter is not None:
            reporter.write_line(f"deploy: red twin {next(ended)}/{of} {_told(results)}")

    if reporter is not None:
        reporter.write_line("")  # dots stand there
    return tell


def _told(results: tuple[TwinResult, ...]) -> str:
    first = results[0]
    missed = [one for one in results if one.state is TwinState.MISSED]
    if missed:
        said = f"MISSED by {', '.join(one.gate for one in missed)}: {missed[0].note}"
    elif first.state is TwinState.NOT_APPLICABLE:
        said = f"not applicable: {first.note}"
    else:
        said = f"caught by {', '.join(first.caught_by)}"
    return f"{first.defect}: {said} ({first.seconds:.1f} s)"


def _only_predeploy(phases: set[str | None]) -> ConfigError:
    return ConfigError(
        "--red-twins",
        problem=f"expected the phase {PHASE} alone, seen {', '.join(sorted(map(str, phases)))}",
        where="the command line",
        remedy=f"defects are planted in rehearsals only: pytest -m {PHASE} --red-twins",
    )


def _not_green(deploy: Session) -> ConfigError:
    return ConfigError(
        "--red-twins",
        problem="expected every gate to be green without a defect, seen a rehearsal that is"
        f" {deploy.rehearsed().value}: what a gate says with a defect would mean nothing",
        where="suites/predeploy",
        remedy="mend what the gates above say, leave -k and --lf out, and run again",
    )
