"""The step that adds keys, indexes, checks and foreign keys, once the rows are there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_deploy.engine.locks import Lock, LockMode
from pytest_deploy.engine.step import Description, Observed
from pytest_deploy.findings import Finding, Severity
from pytest_deploy.providers.postgres.lease import fenced
from pytest_deploy.schema.ddl import Statement, constraints, joined, relation
from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.steps.database import DatabaseStep
from pytest_deploy.transfer.builds import KEYS, altered, build
from pytest_deploy.transfer.refusals import refusal
from pytest_deploy.transfer.work import worker_count

if TYPE_CHECKING:
    import psycopg

    from pytest_deploy.engine.step import Result
    from pytest_deploy.schema.remedies import Remedies
    from pytest_deploy.transfer.planning import Prepared

_GIVEN_UP = "given_up"  # in what the step gives: the names of what Postgres refused, line by line
_BEGUN = (*KEYS, "foreign key")
_SECTIONS = {"check": "checks", "foreign key": "foreign_keys"}
_PRESENT = """
SELECT conname, false FROM pg_constraint WHERE connamespace = %(schema)s::regnamespace
UNION ALL
SELECT relname, true FROM pg_class WHERE relnamespace = %(schema)s::regnamespace AND relkind = 'i'
"""


@dataclass(frozen=True)
class Refused:
    """
    A constraint that Postgres does not take as the rows are.

    Args:
        statement: What was tried.
        reason: What Postgres said, without values.
    """

    statement: Statement
    reason: str


class AddConstraints(DatabaseStep):
    """
    Adds what stands on the tables: what Postgres refuses is a finding, not a crash.

    Where there are many rows each statement commits by itself, as pieces of a copy do, so that they
    can be built side by side; the journal row says at last that they are all there.

    Args:
        prepared: The plan and the two sides.
        release: The release's id.
        workers: Connections at once where there are many rows; 0 for as many as there are cores.
    """

    name = "add_constraints"

    side_by_side = True

    def describe(self) -> Description:
        """See `Step`."""
        return Description(
            does="adds keys, indexes, checks and foreign keys to the rows, and gathers statistics",
            way_back="drops these keys, indexes, checks and foreign keys",
            locks=(
                Lock(LockMode.ACCESS_EXCLUSIVE, "a table that gets a key or a check"),
                Lock(LockMode.SHARE_ROW_EXCLUSIVE, "both tables of a foreign key"),
                Lock(LockMode.SHARE, "a table whose index is built"),
                Lock(LockMode.SHARE_UPDATE_EXCLUSIVE, "a table whose rows are validated"),
                Lock(LockMode.ROW_SHARE, "the parent of a foreign key that is validated"),
            ),
            stops_for="a constraint that the rows do not keep: see runbooks/schema-findings.md",
        )

    def __init__(self, prepared: Prepared, release: str, *, workers: int = 0) -> None:
        super().__init__(prepared, release)
        self._workers = worker_count(workers, prepared.source.rows)
        self._statements = tuple(constraints(self.plan))
        self.refused: list[Refused] = []

    def _observe(self, connection: psycopg.Connection) -> Observed:
        rows = connection.execute(_PRESENT, {"schema": quoted(self.plan.schema)}).fetchall()
        wanted = {(one.object, one.kind == "index") for one in self._statements}
        if wanted.issubset(rows):
            return Observed.DONE
        # A key begins as an index: what is there by its name is a part of it.
        names = {one.object for one in self._statements}
        return Observed.HALF if names.intersection(name for name, _ in rows) else Observed.NOTHING

    def _apply(self, connection: psycopg.Connection) -> Result:
        found: dict[Statement, Refused] = {}

        def attempt(own: psycopg.Connection, statement: Statement, sql: str) -> bool:
            reason = self._refusal(own, sql)
            if reason is not None:
                found[statement] = Refused(statement, reason)
            return reason is None

        if self._workers > 1:
            build(self.target, self._statements, attempt, workers=self._workers)
        elif not self._all_at_once(connection):
            for statement in self._statements:
                attempt(connection, statement, statement.sql)
        self.refused = [found[one] for one in self._statements if one in found]
        self._drop_unproven(connection)
        connection.execute(
            joined(f"ANALYZE {relation(self.plan, table.name)}" for table in self.plan.tables)
        )
        return {
            "added": len(self._statements) - len(self.refused),
            "refused": len(self.refused),
            _GIVEN_UP: "\n".join(one.statement.object for one in self.refused),
        }

    def _all_at_once(self, connection: psycopg.Connection) -> bool:
        """Add all of them in one round trip; where one is refused none of them is there."""
        return self._refusal(connection, joined(one.sql for one in self._statements)) is None

    def _drop_unproven(self, connection: psycopg.Connection) -> None:
        """Take away what was begun, but is refused: a foreign key, or the index of a key."""
        begun = [one.statement for one in self.refused if one.statement.kind in _BEGUN]
        if begun and self._workers > 1:
            connection.execute(joined(map(self._dropped, begun)))

    @staticmethod
    def _refusal(connection: psycopg.Connection, sql: str) -> str | None:
        from psycopg import errors

        # Only what the rows or the plan are to blame for; a full disk or a lost connection is not.
        blamed = (
            errors.IntegrityError,
            errors.DataError,
            errors.ProgrammingError,
            errors.ProgramLimitExceeded,
            errors.NotSupportedError,
        )
        try:
            with fenced(connection):
                connection.execute(sql)
        except blamed as error:
            return refusal(error)
        return None

    def _compensate(self, connection: psycopg.Connection) -> None:
        connection.execute(joined(map(self._dropped, reversed(self._statements))))

    def _dropped(self, statement: Statement) -> str:
        if statement.kind == "index":
            return f"DROP INDEX IF EXISTS {relation(self.plan, statement.object)}"
        constraint = f"{altered(statement)} DROP CONSTRAINT IF EXISTS {quoted(statement.object)}"
        if statement.kind in KEYS:
            index = relation(self.plan, statement.object)
            return joined((constraint, f"DROP INDEX IF EXISTS {index}"))
        return constraint


def given_up(result: Result) -> tuple[str, ...]:
    """
    Name what Postgres refused, also where another run saw it.

    Args:
        result: What the step gave.

    Returns:
        The names of constraints and indexes that are not there.
    """
    return tuple(str(result.get(_GIVEN_UP, "")).splitlines())


def findings_on(refused: list[Refused], remedies: Remedies) -> tuple[Finding, ...]:
    """
    Turn what Postgres refused into findings.

    Args:
        refused: From the step.
        remedies: Decides.

    Returns:
        A blocker for each; its remedy is to do without the constraint.
    """
    found: list[Finding] = []
    for one in refused:
        section = _SECTIONS.get(one.statement.kind, "indexes")
        decision = remedies.decide(section, one.statement.label, "keep", suggested="drop")
        found.append(
            Finding(
                "constraint_refused",
                Severity.BLOCKER,
                one.statement.label,
                f"{one.statement.kind} on {one.statement.table}: {one.reason}",
                remedies=("drop",),
                suggested="drop",
                setting=decision.setting,
                settled_by=decision.settled_by,
            )
        )
    return tuple(found)
