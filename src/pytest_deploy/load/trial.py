"""The whole test: every journey, one after another, by Locust; nothing of it stays but evidence."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from threading import Event
from typing import TYPE_CHECKING

from pytest_deploy.errors import LoadError
from pytest_deploy.load import baseline
from pytest_deploy.load.journeys import journeys_that_ask
from pytest_deploy.load.launch import POLL_S, RUNBOOK, ended_otherwise, started, waited_for
from pytest_deploy.load.orders import NO_DATABASE, NO_PROJECT, Orders
from pytest_deploy.load.results import Journey, Load, Span, measured
from pytest_deploy.load.role import app_role
from pytest_deploy.load.samples import Sample, read
from pytest_deploy.load.thresholds import only_slow

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_deploy.config.gates import LoadSettings
    from pytest_deploy.load.launch import Process
    from pytest_deploy.load.nodes import Nodes
    from pytest_deploy.load.progress import Shown
    from pytest_deploy.providers.postgres.base import Target
    from pytest_deploy.schema.plan import SchemaPlan

FOLDER = "load"
_SPARE_S = 90.0


@dataclass(frozen=True)
class Place:
    """
    Where a test happens, and what it is compared with.

    Args:
        app: The app.
        env: The env.
        release: The release's folder, beside those before it.
        private: A folder that only its owner can read.
    """

    app: str
    env: str
    release: Path
    private: Path


class Trial:
    """
    Carries journeys out.

    Args:
        target: The database.
        settings: `[gates.load]`.
        nodes: Which processes make the load.
        place: Where.
        shown: Shows how far it is.
    """

    def __init__(
        self, target: Target, settings: LoadSettings, nodes: Nodes, place: Place, shown: Shown
    ) -> None:
        self._target = target
        self._settings = settings
        self._nodes = nodes
        self._place = place
        self._shown = shown
        server = target.server
        self._server = f"{server.kind} {server.version}"
        self.stopped = Event()

    def run(self, plan: SchemaPlan) -> Load:
        """
        Carry all journeys out, as the role that the app will have.

        Args:
            plan: The plan of what is in the database.

        Returns:
            What was measured.

        Raises:
            LoadError: A journey cannot be carried out, or not all of it.
        """
        files = journeys_that_ask(self._settings.folder, "database")
        with app_role(self._target, plan) as role:
            journeys = tuple(self._measured(file, role) for file in files)
        return Load(journeys, max(1, self._nodes.workers), role)

    def _measured(self, file: Path, role: str = "") -> Journey:
        (journey,) = self._again_where_slow(lambda number: (self._journey(file, number, role),))
        return journey

    def _again_where_slow(
        self, measure: Callable[[int], tuple[Journey, ...]]
    ) -> tuple[Journey, ...]:
        """Measure again what was too slow: a machine's stall passes, a slow target stays."""
        found = measure(1)
        # Workers elsewhere join once for each journey.
        most = 1 if self._nodes.elsewhere else self._settings.attempts
        for number in range(2, most + 1):
            if not only_slow(found, self._settings):
                break
            found = tuple(map(_after, found, measure(number)))
        return found

    def _journey(self, file: Path, number: int, role: str = "") -> Journey:
        name = file.stem
        folder = self._place.release / FOLDER / name
        if number > 1:
            folder /= f"measurement-{number}"
        folder.mkdir(parents=True)
        settings, place = self._settings, self._place
        same = baseline.conditions_of(file, settings, self._nodes.workers, self._server)
        kept = None
        if settings.worst_degradation is not None:
            evidence = place.release.parent
            kept = baseline.kept_baseline(evidence, place.app, place.env, name, same)
        alone_s = 0.0
        if settings.worst_degradation is not None and kept is None:
            alone_s = baseline.alone_s(settings)
        told = self._told(self._orders(file, role, folder, alone_s))
        samples = _samples(folder / "samples.csv", told, file)
        begin_s, end_s = _number(told, "begin_s"), _number(told, "end_s")
        if alone_s:
            until_s = _number(told, "alone_until_s")
            kept = baseline.measured_alone(samples, until_s, settings.users)
        mistakes = told.get("mistakes")
        return replace(
            measured(name, settings.users, samples, Span(begin_s, end_s)),
            conditions=same,
            baseline=kept,
            mistakes=mistakes if isinstance(mistakes, dict) else {},
            busy_percent=_number(told, "busy_percent"),
            files=tuple(str(p.relative_to(place.release)) for p in sorted(folder.iterdir())),
        )

    def _orders(self, file: Path, role: str, folder: Path, alone_s: float) -> Orders:
        settings, nodes = self._settings, self._nodes
        distributed = nodes.workers > 0
        name = ".".join(folder.relative_to(self._place.release / FOLDER).parts)
        return Orders(
            part="master" if distributed else "alone",
            journey=str(file.resolve()),
            state=str(self._place.private / f"{name}.state"),
            evidence=str(folder.resolve()),
            database=self._target.conninfo,
            database_name=self._target.database,
            role=role,
            connections=settings.connections,
            users=settings.users,
            spawn_rate_per_s=settings.spawn_rate_per_s,
            seconds=settings.seconds,
            alone_s=alone_s,
            host=nodes.host,
            port=nodes.port,
            workers=nodes.workers,
            wait_s=settings.worker_wait_seconds,
        )

    def _told(self, orders: Orders) -> dict[str, object]:
        """Run Locust, and the workers of this machine; every one must end as it should."""
        private, name = self._place.private, orders.journey.rpartition("/")[2].removesuffix(".py")
        arriving_s = orders.users / orders.spawn_rate_per_s
        total_s = orders.alone_s + arriving_s + orders.seconds
        with ExitStack() as stack:
            look = stack.enter_context(self._shown(name, total_s))
            # A master asks nothing: it needs neither password nor token.
            leading = orders
            if self._nodes.workers:
                leading = replace(orders, database=NO_DATABASE, project=NO_PROJECT)
            first = stack.enter_context(started(leading, private, name))
            workers = self._workers(first, orders, stack) if self._nodes.local else []

            def look_at_all(told: dict[str, object]) -> None:
                if self.stopped.is_set():
                    raise ended_otherwise(first, 0, {"refused": "another one that failed"})
                for worker in workers:
                    if worker.code:
                        raise ended_otherwise(worker, worker.code, worker.told())
                look(told)

            told = waited_for(first, look_at_all, total_s + orders.wait_s + _SPARE_S)
        if missing := told.get("missing"):
            raise _incomplete(orders, missing)
        return told

    def _workers(self, master: Process, told: Orders, stack: ExitStack) -> list[Process]:
        port = _port_of(master)
        found = []
        for number in range(1, self._nodes.local + 1):
            name = f"{told.state.rpartition('/')[2].removesuffix('.state')}-worker-{number}"
            orders = replace(
                told,
                part="worker",
                evidence="",
                state=str(self._place.private / f"{name}.state"),
                port=port,
            )
            found.append(stack.enter_context(started(orders, self._place.private, name)))
        return found


def _after(before: Journey, now: Journey) -> Journey:
    """Let the later measurement count, and say of both what was measured."""
    assert before.p95_ms is not None  # what is only slow has its figures
    return replace(
        now,
        earlier_p95_ms=(*before.earlier_p95_ms, before.p95_ms),
        files=(*before.files, *now.files),
    )


def _port_of(master: Process) -> int:
    until_s = time.monotonic() + _SPARE_S
    while not isinstance(port := master.told().get("port"), int):
        if (code := master.code) is not None:
            raise ended_otherwise(master, code, master.told())
        if time.monotonic() > until_s:
            raise ended_otherwise(master, 0, {"refused": "nothing that begins"})
        time.sleep(POLL_S)
    return port


def _samples(path: Path, told: dict[str, object], journey: Path) -> list[Sample]:
    """Read what was recorded; all of it must be there."""
    try:
        found = read(path)
    except (OSError, ValueError):
        found = []
    if len(found) == told.get("samples"):
        return found
    raise LoadError(
        f"journey {journey}",
        problem=f"expected {told.get('samples')} requests in {path.name}, seen {len(found)}",
        where="--evidence, default .deploy",
        remedy="free disk space and run again",
    )


def _number(told: dict[str, object], name: str) -> float:
    value = told.get(name)
    assert isinstance(value, int | float), name
    return float(value)


def _incomplete(orders: Orders, missing: object) -> LoadError:
    names = ", ".join(map(str, missing)) if isinstance(missing, list) else str(missing)
    return LoadError(
        f"journey {orders.journey}",
        problem=f"expected {orders.workers} workers to stay to the end, gone: {names}",
        where="--load-workers, --load-expect",
        remedy=f"see why it ended on that machine, and run again; {RUNBOOK}",
    )
