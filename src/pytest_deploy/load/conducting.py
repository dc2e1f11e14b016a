"""Inside Locust: brings the users, ends the test, and gathers what every process recorded."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import gevent

from pytest_deploy.load.orders import GRACE_S, Orders, State
from pytest_deploy.load.pool import kind_of, open_pool
from pytest_deploy.load.recording import Recorder

if TYPE_CHECKING:
    from locust.env import Environment

_EVERY_S = 0.25
_ASK_AGAIN_S = 0.5
_GATHERING_S = 15.0
_LEAVE_S = 0.5
_TARGET, _READY = "pytest_deploy_target", "pytest_deploy_ready"
_FINISH, _REPORT = "pytest_deploy_finish", "pytest_deploy_report"
REFUSED = 3


class RefusalError(Exception):
    """The test cannot go on; says why."""


def digest_of(journey: Path) -> str:
    """
    Tell one version of a journey from another.

    Args:
        journey: The locustfile.

    Returns:
        The SHA-256 of its bytes, in hex.
    """
    return hashlib.sha256(journey.read_bytes()).hexdigest()


class Conductor:
    """
    Makes the load alone, in one process.

    Args:
        environment: Locust's.
        runner: Locust's runner.
        orders: What to do.
    """

    def __init__(self, environment: Environment, runner: Any, orders: Orders) -> None:  # noqa: ANN401 - three classes that Locust does not tell apart
        self.runner = runner
        self.orders = orders
        self.state = State(Path(orders.state))
        self.recorder = Recorder(environment, Path(orders.journey))
        self.digest = digest_of(Path(orders.journey))
        self._begun = False
        environment.events.test_start.add_listener(self._start)

    def _start(self, **_more: object) -> None:
        if self._begun:
            return
        self._begun = True
        try:
            self.prepare()
        except RefusalError as refusal:
            self.give_up(refusal)
        self.recorder.begin()
        gevent.spawn(self._conduct).link_exception(self._broken)
        gevent.spawn(self._tell)

    def _broken(self, greenlet: gevent.Greenlet) -> None:
        """Let no test go on without an end: a full disk, for one."""
        self.give_up(RefusalError(f"expected to go on, seen {kind_of(greenlet.exception)}"))

    def give_up(self, refusal: RefusalError) -> NoReturn:
        """Say why, and end at once: Locust takes no exit code from a listener."""
        self._begun = False  # nothing is told after this
        self.state.tell(refused=str(refusal))
        os._exit(REFUSED)

    def prepare(self) -> None:
        """
        Connect before anything is measured.

        Raises:
            RefusalError: That is not possible.
        """
        if problem := _opened(self.orders, _target_of(self.orders, self.orders.connections)):
            raise RefusalError(problem)

    def gather(self) -> dict[str, Any]:
        """
        Stop all users and keep what they did.

        Returns:
            What the parent must know besides.
        """
        self.recorder.end()
        self.runner.stop()
        return {"missing": []}

    def lost(self) -> str:
        """Say who went missing; nobody, where one process makes the load."""
        return ""

    def _pause(self, seconds: float) -> None:
        gevent.sleep(seconds)
        if lost := self.lost():
            self.give_up(RefusalError(lost))

    def _conduct(self) -> None:
        orders, recorder = self.orders, self.recorder
        alone_until_s = 0.0
        if orders.alone_s:
            gevent.sleep(orders.alone_s)
            alone_until_s = recorder.spent_s()
            self.runner.start(orders.users, orders.spawn_rate_per_s)
        while self.runner.user_count < orders.users:
            self._pause(0.01)
        begin_s = recorder.spent_s()
        while (left_s := begin_s + orders.seconds - recorder.spent_s()) > 0:
            self._pause(min(left_s, _EVERY_S))
        end_s = recorder.spent_s()
        more = self.gather()
        samples = recorder.samples
        samples.write(Path(orders.evidence) / "samples.csv")
        self._begun = False  # nothing more to tell of
        self.state.tell(
            done=True,
            alone_until_s=alone_until_s,
            begin_s=begin_s,
            end_s=end_s,
            samples=len(samples),
            mistakes=dict(recorder.mistakes),
            busy_percent=recorder.busy_percent,
            **more,
        )
        self.runner.quit()

    def _tell(self) -> None:
        while self._begun:
            total = self.runner.stats.total
            self.state.tell(
                spent_s=self.recorder.spent_s(),
                users=self.runner.user_count,
                requests=total.num_requests,
                errors=total.num_failures,
            )
            gevent.sleep(_EVERY_S)


class Master(Conductor):
    """Shares the load out to workers; every one of them must stay to the end."""

    def __init__(self, environment: Environment, runner: Any, orders: Orders) -> None:  # noqa: ANN401 - as above
        super().__init__(environment, runner, orders)
        self._ready: dict[str, dict[str, Any]] = {}
        self._reported: set[str] = set()
        self._expected: set[str] = set()
        self._came: set[str] = set()
        runner.register_message(_READY, self._on_ready)
        runner.register_message(_REPORT, self._on_report)
        environment.events.worker_connect.add_listener(self._on_connect)
        self.state.tell(port=runner.server.port, connected=0)

    def _on_connect(self, client_id: str, **_more: object) -> None:
        self._came.add(client_id)
        if not self._expected:  # later the state says how far it is
            self.state.tell(port=self.runner.server.port, connected=len(self._came))

    def _on_ready(self, msg: Any, **_more: object) -> None:  # noqa: ANN401 - Locust's message
        self._ready[msg.node_id] = msg.data

    def _on_report(self, msg: Any, **_more: object) -> None:  # noqa: ANN401 - Locust's message
        if msg.node_id in self._expected and msg.node_id not in self._reported:
            self._reported.add(msg.node_id)
            self.recorder.merge(msg.data)

    def prepare(self) -> None:
        """
        Tell the workers what to ask, and wait until each of them can.

        Raises:
            RefusalError: One cannot, has another journey, or is one too many.
        """
        self._expected = {client.id for client in self.runner.clients.all}
        share = -(-self.orders.connections // max(1, len(self._expected)))
        target = _target_of(self.orders, share)
        until_s = time.monotonic() + self.orders.wait_s
        while self._expected - self._ready.keys() and time.monotonic() < until_s:
            self.runner.send_message(_TARGET, target)
            gevent.sleep(_ASK_AGAIN_S if self._ready else 0.05)
        for worker in sorted(self._expected):
            problem = self._problem_of(worker)
            if problem:
                raise RefusalError(f"worker {_host(worker)}: {problem}")
        if len(self._expected) != self.orders.workers:
            seen = len(self._expected)
            raise RefusalError(f"expected {self.orders.workers} workers, seen {seen}")

    def give_up(self, refusal: RefusalError) -> NoReturn:
        """Let the workers go, and end."""
        self.runner.send_message("quit")
        gevent.sleep(_LEAVE_S)
        super().give_up(refusal)

    def _problem_of(self, worker: str) -> str:
        answer = self._ready.get(worker)
        if answer is None:
            return "expected an answer, seen none"
        if answer["digest"] != self.digest:
            return f"expected the same {Path(self.orders.journey).name} as here, seen another"
        return str(answer["problem"])

    def lost(self) -> str:
        """Say which worker went missing: what the others measure is not what was asked for."""
        gone = sorted(self._expected - self._there())
        return f"worker {_host(gone[0])} went missing" if gone else ""

    def _there(self) -> set[str]:
        return {client.id for client in self.runner.clients.all if client.state != "missing"}

    def gather(self) -> dict[str, Any]:
        """
        Ask every worker for what it recorded.

        Returns:
            The workers that did not answer.
        """
        self.runner.send_message(_FINISH)
        until_s = time.monotonic() + GRACE_S + _GATHERING_S
        while self._waits() and time.monotonic() < until_s:
            gevent.sleep(0.05)
        return {"missing": [_host(w) for w in sorted(self._expected - self._reported)]}

    def _waits(self) -> bool:
        return bool((self._expected - self._reported) & self._there())


class Worker(Conductor):
    """Makes a share of the load, and reports to the master."""

    def __init__(self, environment: Environment, runner: Any, orders: Orders) -> None:  # noqa: ANN401 - as above
        super().__init__(environment, runner, orders)
        self._answer: dict[str, Any] = {}
        runner.register_message(_TARGET, self._on_target)
        runner.register_message(_FINISH, self._on_finish, concurrent=True)
        self.state.tell(connected=True)

    def _start(self, **_more: object) -> None:
        self.recorder.begin()

    def _on_target(self, msg: Any, **_more: object) -> None:  # noqa: ANN401 - Locust's message
        if not self._answer:
            self._answer = {"digest": self.digest, "problem": _opened(self.orders, msg.data)}
        self.runner.send_message(_READY, self._answer)

    def _on_finish(self, **_more: object) -> None:
        self.recorder.end()
        self.runner.stop()
        self.runner.send_message(_REPORT, self.recorder.packed())
        self.state.tell(done=True, samples=len(self.recorder.samples))


def _target_of(orders: Orders, connections: int) -> dict[str, Any]:
    """Say what may be told to a worker: no password and no token."""
    told = {"name": orders.database_name, "role": orders.role, "connections": connections}
    return {**told, "over_http": orders.over_http, "marker": orders.marker}


def _opened(orders: Orders, target: dict[str, Any]) -> str:
    """Connect to what is to be asked; says why that is not possible."""
    if target["over_http"]:
        from pytest_deploy.load.http import open_project

        if not orders.project.reveal():
            return "expected the sessions of a project, seen none: --project"
        return open_project(orders.project, str(target["marker"]))
    name = orders.database_name or str(target["name"])
    if not orders.database.reveal():
        return "expected a database, seen none: --database"
    return open_pool(orders.database, name, str(target["role"]), int(target["connections"]))


def _host(worker: str) -> str:
    """Name a worker: Locust's name is that of its machine, and 32 digits of which eight will do."""
    host, _, number = worker.rpartition("_")
    return f"{host} ({number[:8]})"
