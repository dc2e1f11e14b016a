"""The step that lets the next row of every table get the key that SQLite would have given it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.engine.locks import Lock, LockMode
from pytest_deploy.engine.step import Description, Observed
from pytest_deploy.steps.database import DatabaseStep
from pytest_deploy.transfer.sequences import last_key, sequence_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from pytest_deploy.engine.step import Result
    from pytest_deploy.schema.plan import PlannedTable


class SetSequences(DatabaseStep):
    """Sets every identity column's sequence to max(id, sqlite_sequence)."""

    name = "set_sequences"

    def describe(self) -> Description:
        """See `Step`."""
        return Description(
            does="sets every sequence to the last key of its table",
            way_back="sets every sequence to its beginning",
            locks=(Lock(LockMode.SHARE_ROW_EXCLUSIVE, "each sequence"),),
        )

    def _observe(self, connection: psycopg.Connection) -> Observed:
        states = {
            self._last_used(connection, table) == last_key(connection, self.plan, table)
            for table in self._tables()
        }
        if states == {True, False}:
            return Observed.HALF
        return Observed.NOTHING if states == {False} else Observed.DONE

    def _tables(self) -> Iterator[PlannedTable]:
        return (table for table in self.plan.tables if table.identity is not None)

    def _last_used(self, connection: psycopg.Connection, table: PlannedTable) -> int:
        sequence = sequence_of(connection, self.plan, table)
        row = connection.execute(f"SELECT last_value, is_called FROM {sequence}").fetchone()
        return int(row[0]) if row and row[1] else 0

    def _apply(self, connection: psycopg.Connection) -> Result:
        count = 0
        for table in self._tables():
            last = last_key(connection, self.plan, table)
            sequence = sequence_of(connection, self.plan, table)
            self._begin_anew(connection, sequence)
            connection.execute(
                "SELECT setval(%s::regclass, %s, %s)", (sequence, max(last, 1), last > 0)
            )
            count += 1
        return {"sequences": count}

    def _compensate(self, connection: psycopg.Connection) -> None:
        for table in self._tables():
            sequence = sequence_of(connection, self.plan, table)
            self._begin_anew(connection, sequence)

    @staticmethod
    def _begin_anew(connection: psycopg.Connection, sequence: str) -> None:
        """
        Put a new one in its place: by itself, setval outlives a transaction that is rolled back.

        Source: https://www.postgresql.org/docs/current/sql-altersequence.html (RESTART)
        """
        connection.execute(f"ALTER SEQUENCE {sequence} RESTART".encode())
