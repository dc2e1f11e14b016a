"""The test over HTTP: journeys side by side, as users come, and what they wrote is taken back."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from pytest_deploy.errors import LoadError
from pytest_deploy.load.journeys import journeys_that_ask, writes_of
from pytest_deploy.load.launch import RUNBOOK
from pytest_deploy.load.orders import NO_DATABASE
from pytest_deploy.load.progress import silent
from pytest_deploy.load.results import Load
from pytest_deploy.load.taken_back import MARK, Writes
from pytest_deploy.load.trial import Place, Trial

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from pytest_deploy.config.gates import LoadSettings
    from pytest_deploy.load.nodes import Nodes
    from pytest_deploy.load.orders import Orders
    from pytest_deploy.load.progress import Look, Shown
    from pytest_deploy.load.results import Journey
    from pytest_deploy.load.sessions import Sessions
    from pytest_deploy.providers.supabase.base import Supabase
    from pytest_deploy.schema.plan import SchemaPlan

VARIABLE = "PYTEST_DEPLOY_LOAD_PROJECT"
_AT_ONCE = 4  # processes of Locust: more would measure each other


@dataclass(frozen=True)
class HttpLoad:
    """
    What the journeys over HTTP measured.

    Args:
        load: The same as of any other journey.
        taken_back: Rows that they wrote, and which are gone again.
        left_out: Journeys that would write, where nothing may be written.
    """

    load: Load
    taken_back: int
    left_out: int = 0


class HttpTrial(Trial):
    """
    Carries journeys over HTTP out, all of them at the same time where no workers share them.

    Args:
        project: Who is asked.
        sessions: As whom.
        settings: `[gates.load]`, with what is other over HTTP.
        nodes: Which processes make the load.
        place: Where.
        shown: Shows how far the first of them is.
        writing: Whether journeys that write are carried out, too.
    """

    def __init__(
        self,
        project: Supabase,
        sessions: Sessions,
        settings: LoadSettings,
        nodes: Nodes,
        place: Place,
        shown: Shown,
        *,
        writing: bool = True,
    ) -> None:
        if nodes.port:  # workers that wait for a journey of the other kind must not come here
            nodes = replace(nodes, port=nodes.port + 1)
        super().__init__(project.database, settings, nodes, place, shown)
        self._server = f"Supabase, {self._server}"
        self._all_shown = shown
        self._writing = writing
        self._packed = sessions.packed()
        self._marker = f"{MARK}{token_hex(6)}-"

    def carry_out(self, plan: SchemaPlan) -> HttpLoad:
        """
        Carry all journeys out.

        Args:
            plan: The plan of what is in the database.

        Returns:
            What was measured; nothing where there is no such journey.

        Raises:
            LoadError: A journey cannot be carried out, or what it wrote cannot be taken back.
        """
        found = journeys_that_ask(self._settings.folder, "project")
        files = [file for file in found if self._writing or not writes_of([file])]
        if not files:
            return HttpLoad(Load((), max(1, self._nodes.workers)), 0)
        writes = Writes(self._target, plan, writes_of(files))
        with self._handed_out(), writes.taken_back():
            journeys = self._all(files)
        left_out = len(found) - len(files)
        return HttpLoad(Load(journeys, max(1, self._nodes.workers)), writes.rows, left_out)

    def _all(self, files: list[Path]) -> tuple[Journey, ...]:
        if self._nodes.workers:  # they join one journey after another
            return tuple(self._measured(file) for file in files)
        return self._again_where_slow(lambda number: self._side_by_side(files, number))

    def _side_by_side(self, files: list[Path], number: int) -> tuple[Journey, ...]:
        if len(files) > 1:
            self._shown = _Once(self._all_shown)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            running = [pool.submit(self._journey, file, number) for file in files]
            try:
                return tuple(each.result() for each in running)
            except BaseException:
                self.stopped.set()
                raise

    def _orders(self, file: Path, role: str, folder: Path, alone_s: float) -> Orders:
        return replace(
            super()._orders(file, role, folder, alone_s),
            database=NO_DATABASE,
            database_name="",
            project=self._packed,
            over_http=True,
            marker=self._marker,
        )

    @contextmanager
    def _handed_out(self) -> Iterator[None]:
        """Write the sessions to a file for workers elsewhere, while these need it."""
        named = os.environ.get(VARIABLE, "")
        if not self._nodes.elsewhere:
            yield
            return
        if not named:
            raise _not_handed_out(
                "expected a file for the sessions of workers elsewhere, seen none"
            )
        path = Path(named)
        try:
            path.touch(mode=0o600, exist_ok=False)
            path.write_text(self._packed.reveal(), encoding="utf-8")
        except OSError as error:
            raise _not_handed_out(f"expected to make that file, seen {error.strerror}") from None
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


class _Once:
    """
    Shows the first journey that begins: a terminal has room for one.

    Args:
        shown: Shows it.
    """

    def __init__(self, shown: Shown) -> None:
        self._left = [shown]

    def __call__(self, name: str, total_s: float) -> AbstractContextManager[Look]:
        try:
            shown = self._left.pop()
        except IndexError:
            shown = silent
        return shown(name, total_s)


def _not_handed_out(problem: str) -> LoadError:
    return LoadError(
        "--load-expect",
        problem=problem,
        where=f"the environment, {VARIABLE}",
        remedy=f"export {VARIABLE}=FILE, a path where nothing is yet; {RUNBOOK}",
    )
