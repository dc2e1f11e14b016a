"""
How a release ends: made complete, or undone, by what the target knows of it alone.

Neither the source nor the configuration that it was deployed with is needed: both may be others by
then.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from pytest_deploy.engine import opening
from pytest_deploy.engine.opening import ReleaseState
from pytest_deploy.providers.postgres.lease import changing
from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.steps import former
from pytest_deploy.steps.create_schema import CreateSchema
from pytest_deploy.steps.database import record
from pytest_deploy.steps.prepare_ledger import PrepareLedger, drop_ledger
from pytest_deploy.steps.publish_release import PublishRelease
from pytest_deploy.steps.undo import Undo
from pytest_deploy.transfer.staging import STAGING, former_schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

    from pytest_deploy.engine.opening import Known
    from pytest_deploy.providers.supabase.base import Supabase

# Of which component a step is; what is not named here is the database's.
_COMPONENT = {
    "upload_files": "files",
    "create_users": "users",
    "switch_configuration": "config",
    "freeze_source": "config",
}
_APPLIED = """
SELECT step FROM (
    SELECT DISTINCT ON (step) step, state, id FROM deploy.journal
    WHERE release = %s ORDER BY step, id DESC
) AS last WHERE state IN ('started', 'applied', 'compensating') ORDER BY id DESC
"""


class Service(Protocol):
    """A step on Storage or Auth, made for its way back alone: the target has what it needs."""

    @property
    def name(self) -> str:
        """As in the journal."""

    def compensate(self) -> None:
        """Undo it."""

    def complete(self) -> None:
        """Give up its way back."""


class Ending:
    """
    A release that is to end.

    Args:
        project: Where it stands.
        release: Its id.
        services: The steps that are not the database's alone.
        lock_timeout_s: How long it waits for a lock.

    Attributes:
        kept_in: The schema that keeps the tables of a release that was published and undone.
    """

    def __init__(
        self,
        project: Supabase,
        release: str,
        services: Sequence[Service] = (),
        *,
        lock_timeout_s: float = 5.0,
    ) -> None:
        self._project, self._release = project, release
        self._services = {service.name: service for service in services}
        self._lock_timeout_s = lock_timeout_s
        self.kept_in = ""

    def complete(self) -> tuple[str, ...]:
        """
        Give up the way back: the former tables, and what was noted to undo each step.

        Returns:
            The steps, the last one first.

        Raises:
            StepError: Something else relies on the former tables.
        """
        steps = self.steps()
        with changing(self._project.database) as connection:
            self._limit(connection)
            if PublishRelease.name in steps:
                former.give_up(connection, former_schema(self._release))
            for step in self._of_the_database(steps):
                Undo(connection, self._release, step).forget()
                record(connection, self._release, step, "completed", {})
        for service in self._of_services(steps):
            service.complete()
            self._record(service.name, "completed")
        with changing(self._project.database) as connection:
            opening.settle(connection, self._release, ReleaseState.COMPLETE)
        return steps

    def undo(self, components: frozenset[str] = frozenset()) -> tuple[str, ...]:
        """
        Take the way back, the last step first: what people see goes before what it rests on.

        Rows that were open to people may have been changed by them: the tables of a release that
        was published are not dropped, but kept in a schema of their own, closed to all.

        Args:
            components: Only these: database, files, users, config; empty for all. With some, the
                release stays begun: to deploy it again puts back what is missing.

        Returns:
            The steps that were undone.

        Raises:
            StepError: A step cannot be undone.
        """
        steps = self.within(components)
        with changing(self._project.database) as connection:
            self._limit(connection)
            # From here on it is not whole: a deployment that follows takes it up again.
            opening.settle(connection, self._release, ReleaseState.BEGUN)
            for step in self._of_the_database(steps):
                if step == PrepareLedger.name:
                    continue  # the last one: services need it for theirs
                Undo(connection, self._release, step).run()
                if step == CreateSchema.name:
                    self._put_away(connection, keep=PublishRelease.name in steps)
                record(connection, self._release, step, "compensated", {})
        for service in self._of_services(steps):
            self._record(service.name, "compensating")
            service.compensate()
            self._record(service.name, "compensated")
        if not components:
            with changing(self._project.database) as connection:
                drop_ledger(connection, self._release)
                if _is_kept(connection):
                    record(connection, self._release, PrepareLedger.name, "compensated", {})
        return steps

    def within(self, components: frozenset[str]) -> tuple[str, ...]:
        """
        Name the steps in force that belong to some components.

        Args:
            components: Some of database, files, users, config; empty for all.

        Returns:
            Their names, the last one first; without the ledger's own, where not all are meant.
        """
        steps = self.steps()
        if not components:
            return steps
        return tuple(
            step
            for step in steps
            if step != PrepareLedger.name and _COMPONENT.get(step, "database") in components
        )

    def _put_away(self, connection: psycopg.Connection, *, keep: bool) -> None:
        statement = f"DROP SCHEMA IF EXISTS {quoted(STAGING)} CASCADE"
        if keep:
            self.kept_in = self._free_name(connection)
            statement = f"ALTER SCHEMA {quoted(STAGING)} RENAME TO {quoted(self.kept_in)}"
        connection.execute(statement.encode())

    def _free_name(self, connection: psycopg.Connection) -> str:
        """One that was undone before, and deployed again, has left tables as well."""
        name = f"deploy_undone_{self._release}"
        row = connection.execute(
            "SELECT count(*) FROM pg_namespace WHERE starts_with(nspname, %s)", (name,)
        ).fetchone()
        before = int(row[0]) if row else 0
        return f"{name}_{before + 1}" if before else name

    def steps(self) -> tuple[str, ...]:
        """
        Name the steps that are in force, or were begun.

        Returns:
            Their names, the last one first; none where the ledger is gone with the release.
        """
        with self._project.database.connect() as connection:
            if not _is_kept(connection):
                return ()
            return tuple(row[0] for row in connection.execute(_APPLIED, (self._release,)))

    def _of_the_database(self, steps: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(step for step in steps if step not in self._services)

    def _of_services(self, steps: tuple[str, ...]) -> tuple[Service, ...]:
        return tuple(self._services[step] for step in steps if step in self._services)

    def _record(self, step: str, state: str) -> None:
        with changing(self._project.database) as connection:
            record(connection, self._release, step, state, {})

    def _limit(self, connection: psycopg.Connection) -> None:
        limit = int(self._lock_timeout_s * 1000)
        connection.execute(f"SET LOCAL lock_timeout = {limit}".encode())


def _is_kept(connection: psycopg.Connection) -> bool:
    """Tell whether the ledger is there: it stays as long as it knows of any release."""
    row = connection.execute("SELECT to_regclass('deploy.journal') IS NOT NULL").fetchone()
    return bool(row and row[0])


def end_when_due(
    ending: Ending, known: Known, *, retain_hours: float, closed: Sequence[str] = ()
) -> str:
    """
    Make a release complete, if it has stood as long as it must.

    Args:
        ending: The release.
        known: What the target knows of it.
        retain_hours: How long its way back is kept.
        closed: Gates that are not green.

    Returns:
        Why it was not made complete; empty where it was, or is.
    """
    if known.state is ReleaseState.COMPLETE:
        return ""
    if known.state is not ReleaseState.RETAINED:
        return f"expected a release that was deployed, seen one that is {known.state.value}"
    if closed:
        return f"expected every other gate green, seen others: {', '.join(sorted(closed))}"
    hours = (datetime.now(UTC) - known.changed_at) / timedelta(hours=1)
    if hours < retain_hours:
        return f"expected it to stand for {retain_hours:g} hours, seen {hours:.1f}"
    ending.complete()
    return ""
