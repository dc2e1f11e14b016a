"""
What journeys write over HTTP, and how it is taken back.

`Prefer: tx=rollback` is no way: hosted projects do not allow it, and Supabase Lite says that it
rolled back what it committed. So every row carries the test's mark, and is deleted by it.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_deploy.errors import LoadError
from pytest_deploy.load.launch import RUNBOOK
from pytest_deploy.schema.identifiers import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_deploy.providers.postgres.base import Connection, Target
    from pytest_deploy.schema.plan import SchemaPlan

MARK = "pytest-deploy-load-"  # letters, digits and hyphens: it must do for a slug, too
_LOCK_S = 5


class Writes:
    """
    The rows of a test.

    Args:
        target: The database.
        plan: The plan of what is in it.
        columns: The column that carries the mark, by table.
    """

    def __init__(self, target: Target, plan: SchemaPlan, columns: Mapping[str, str]) -> None:
        self._target = target
        self._plan = plan
        self._columns = columns
        self.rows = 0

    @contextmanager
    def taken_back(self) -> Iterator[None]:
        """
        Delete what a killed run left; at the end delete all that was written, whatever happens.

        Sequences go back to where they stood, unless somebody else took a number meanwhile.

        Raises:
            LoadError: That is not possible: then nothing is written either.
        """
        if not self._columns:
            yield
            return
        self._delete(())
        kept = self._kept()
        try:
            yield
        finally:
            self.rows = self._delete(kept)

    def _kept(self) -> tuple[tuple[str, str, int, bool], ...]:
        from pytest_deploy.behaviour.postgres_side import sequences_kept

        found = []
        with self._target.connect() as connection:
            for table in self._plan.tables:
                if table.name in self._columns and table.identity is not None:
                    alone = replace(self._plan, tables=(table,))
                    for name, value, called in sequences_kept(connection, alone):
                        told = f"{self._relation(table.name)}\0{quoted(table.identity.name)}"
                        found.append((told, name, value, called))
        return tuple(found)

    def _delete(self, kept: tuple[tuple[str, str, int, bool], ...]) -> int:
        import psycopg

        try:
            with self._target.connect() as connection:
                connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_S}s'".encode())
                for table in self._columns:
                    # No insert of anybody else is between its number and its row.
                    lock = f"LOCK TABLE {self._relation(table)} IN SHARE ROW EXCLUSIVE MODE"
                    connection.execute(lock.encode())
                rows = sum(self._delete_from(connection, *one) for one in self._columns.items())
                for one in kept:
                    _put_back(connection, *one)
        except psycopg.Error as error:
            raise LoadError(
                f"rows of the test in {', '.join(self._columns)}",
                problem=f"expected to delete them, seen {type(error).__name__} {error.sqlstate}",
                where="`writes` of the journeys in [gates.load] folder",
                remedy=f"they begin with {MARK} in that column: delete them; {RUNBOOK}",
            ) from None
        return rows

    def _delete_from(self, connection: Connection, table: str, column: str) -> int:
        statement = (
            f"DELETE FROM {self._relation(table)} WHERE starts_with({quoted(column)}::text, %s)"
        )
        return connection.execute(statement.encode(), (MARK,)).rowcount

    def _relation(self, table: str) -> str:
        return f"{quoted(self._plan.schema)}.{quoted(table)}"


def _put_back(connection: Connection, told: str, name: str, value: int, called: bool) -> None:
    relation, column = told.split("\0")
    statement = (
        f"SELECT setval(%s::regclass, %s, %s)"
        f" WHERE NOT EXISTS (SELECT FROM {relation} WHERE {column} > %s)"
    )
    connection.execute(statement.encode(), (name, value, called, value))
