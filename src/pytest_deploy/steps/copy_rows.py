"""The step that moves the rows, and puts into quarantine what cannot go over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.audit.log import note
from pytest_deploy.engine.locks import Lock, LockMode
from pytest_deploy.engine.step import Description, Observed
from pytest_deploy.providers.postgres.lease import changing
from pytest_deploy.schema.ddl import relation
from pytest_deploy.steps.database import DatabaseStep, is_noted
from pytest_deploy.transfer import chunks
from pytest_deploy.transfer.progress import silent
from pytest_deploy.transfer.quarantine import write_quarantine
from pytest_deploy.transfer.rows import copy_rows
from pytest_deploy.transfer.work import worker_count

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from pytest_deploy.engine.step import Result
    from pytest_deploy.transfer.planning import Prepared
    from pytest_deploy.transfer.progress import Advance, Progress
    from pytest_deploy.transfer.rows import Copied


class CopyRows(DatabaseStep):
    """
    Copies every table with COPY, side by side where that is worth it.

    What was copied stays in `copied`, with the digests that the proof compares.

    Args:
        prepared: The plan and the two sides.
        release: The release's id.
        workers: Processes; 0 for as many as there are cores, at most eight.
        resume: Whether a copy that was stopped is gone on with: what it noted is proven and left.
        progress: Shows how far the copy is.
    """

    name = "copy_rows"

    side_by_side = True

    def describe(self) -> Description:
        """See `Step`."""
        return Description(
            does="copies every row with COPY, and puts into quarantine what cannot go over",
            way_back="truncates these tables, and takes its rows out of the quarantine",
            locks=(Lock(LockMode.ROW_EXCLUSIVE, "each table while rows of it are written"),),
            stops_for="a row that Postgres refuses: see runbooks/schema-findings.md",
        )

    def __init__(
        self,
        prepared: Prepared,
        release: str,
        *,
        workers: int = 0,
        resume: bool = False,
        progress: Progress = silent,
    ) -> None:
        super().__init__(prepared, release)
        self._resume, self._progress = resume, progress
        self._workers = worker_count(workers, prepared.source.rows)
        self.copied: tuple[Copied, ...] = ()
        self.kept_chunks = 0

    def _observe(self, connection: psycopg.Connection) -> Observed:
        wanted = self._wanted()
        present = {
            table.source.name: self._count(connection, relation(self.plan, table.name))
            for table in self.plan.tables
        }
        if self._resume and chunks.are_there(connection):
            return Observed.NOTHING  # nothing that has to be undone: it is gone on with
        if present == wanted and is_noted(connection, self._release, self.name):
            return Observed.DONE  # else the quarantine may not be there, which commits last
        return Observed.HALF if any(present.values()) else Observed.NOTHING

    def _wanted(self) -> dict[str, int]:
        source, left_out = self.prepared.source, self.prepared.transfer.exclusions
        return {
            name: profile.rows - left_out.rows_of(name) for name, profile in source.profiles.items()
        }

    @staticmethod
    def _count(connection: psycopg.Connection, table: str) -> int:
        row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        return int(row[0]) if row else 0

    def _apply(self, connection: psycopg.Connection) -> Result:
        transfer = self.prepared.transfer
        with self._progress(sum(self._wanted().values())) as advance:
            self.copied = tuple(self._copied(advance))
        if self._resume:
            chunks.drop(connection)
        values = write_quarantine(transfer, self.plan.source.tables, connection, self._release)
        return {
            "rows": sum(one.rows for one in self.copied),
            "size_bytes": sum(one.sent for one in self.copied),
            "values_in_quarantine": values,
        }

    def _copied(self, advance: Advance) -> Iterator[Copied]:
        transfer, tables = self.prepared.transfer, self.plan.tables
        if self._resume:
            with changing(self.target) as own:
                chunks.create(own)
            done = chunks.copy_the_rest(transfer, tables, workers=self._workers)
        else:
            done = ((one, False) for one in copy_rows(transfer, tables, workers=self._workers))
        for one, was_there in done:
            self.kept_chunks += was_there
            advance(one.rows, one.sent)
            note("database", "copy", one.table, f"{one.rows} rows")
            yield one

    def _compensate(self, connection: psycopg.Connection) -> None:
        tables = ", ".join(relation(self.plan, table.name) for table in self.plan.tables)
        if tables:
            connection.execute(f"TRUNCATE {tables} CASCADE")
        chunks.drop(connection)
        connection.execute("DELETE FROM deploy.quarantine WHERE release = %s", (self._release,))
        row = connection.execute("SELECT EXISTS (SELECT FROM deploy.quarantine)").fetchone()
        if row and not row[0]:
            connection.execute("TRUNCATE deploy.quarantine RESTART IDENTITY")
