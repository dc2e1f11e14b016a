"""The source's side: the same schema in a database of its own, with a few rows."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from pytest_deploy.schema.identifiers import quoted, quoted_list
from pytest_deploy.schema.model import Affinity
from pytest_deploy.transfer.integrity import custom_collations, register_collations, stand_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_deploy.behaviour.operations import Operation
    from pytest_deploy.schema.kinds import RawValue
    from pytest_deploy.schema.plan import PlannedTable, SchemaPlan
    from pytest_deploy.transfer.rows import Transfer

    Row = dict[str, RawValue]


class SqliteSide:
    """
    A SQLite database in memory.

    Args:
        plan: The plan: triggers and views that it does not keep are not made here either.
        transfer: Knows the snapshot.
        rows: The rows to put in.
    """

    def __init__(
        self,
        plan: SchemaPlan,
        transfer: Transfer,
        rows: Mapping[str, Sequence[Row]],
    ) -> None:
        self._plan = plan
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        self._before = b""
        self._defers = any(k.source.deferred for table in plan.tables for k in table.foreign_keys)
        self._make(transfer.snapshot.connect(), rows)
        self.connection.execute("PRAGMA foreign_keys = ON")

    def _make(self, source: sqlite3.Connection, rows: Mapping[str, Sequence[Row]]) -> None:
        register_collations(self.connection, custom_collations(source))
        said = source.execute(
            "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid"
        ).fetchall()
        wanted = {
            "table": {table.source.name for table in self._plan.tables},
            "view": {view.source.name for view in self._plan.views},
            "trigger": {trigger.source.name for trigger in self._plan.triggers},
            "index": {i.name for table in self._plan.source.tables for i in table.indexes},
        }
        self._run(sql for kind, name, sql in said if kind == "table" and name in wanted[kind])
        for table in self._plan.tables:
            self._fill(table, rows.get(table.source.name, ()))
        for kind in ("index", "view", "trigger"):
            self._run(sql for k, name, sql in said if k == kind and name in wanted[kind])

    def _run(self, statements: Iterable[str]) -> None:
        stood_in: set[str] = set()
        for sql in statements:
            self._run_one(sql, stood_in)

    def _run_one(self, sql: str, stood_in: set[str]) -> None:
        """Run a statement; what calls the application's own functions is not kept anyway."""
        while True:
            try:
                self.connection.execute(sql)
            except sqlite3.OperationalError as error:
                if not stand_in(self.connection, error, stood_in):
                    raise
            else:
                return

    def _fill(self, table: PlannedTable, rows: Sequence[Row]) -> None:
        names = tuple(c.name for c in table.source.columns if c.generated is None)
        marks = ", ".join("?" * len(names))
        # A row that breaks a rule stays out here, and then on the other side too.
        self.connection.executemany(
            f"INSERT OR IGNORE INTO {quoted(table.source.name)} ({quoted_list(names)})"
            f" VALUES ({marks})",
            ([row[name] for name in names] for row in rows),
        )

    def rows(self, table: PlannedTable) -> list[Row]:
        """
        Read a table.

        Args:
            table: The table.

        Returns:
            All its rows, by column, in the order of their identity.
        """
        names = tuple(column.source.name for column in table.columns)
        order = quoted_list(table.source.identity)
        found = self.connection.execute(
            f"SELECT {quoted_list(names)} FROM {quoted(table.source.name)} ORDER BY {order}"
        )
        return [dict(zip(names, row, strict=True)) for row in found]

    def view(self, name: str) -> list[tuple[RawValue, ...]] | None:
        """
        Read a view.

        Args:
            name: Its name.

        Returns:
            All its rows; None where SQLite itself cannot compute them.
        """
        return rows_of(self.connection, name)

    def next_key(self, table: PlannedTable) -> int:
        """
        Tell the key that the next row gets.

        Args:
            table: A table whose keys are assigned.

        Returns:
            The key.
        """
        assert table.identity is not None
        name = table.source.name
        column = quoted(table.identity.source.name)
        sql = f"SELECT ifnull(max({column}), 0) FROM {quoted(name)}"
        largest = int(self.connection.execute(sql).fetchone()[0])
        if table.source.autoincrement:
            sql = "SELECT ifnull(max(seq), 0) FROM sqlite_sequence WHERE name = ?"
            largest = max(largest, int(self.connection.execute(sql, (name,)).fetchone()[0]))
        return largest + 1

    def run(self, operation: Operation) -> str:
        """
        Try an operation.

        Args:
            operation: The operation.

        Returns:
            Empty where it was accepted, else why not: `constraint`, or SQLite's name of the error.
        """
        sql, values = self._sql(operation)
        self._keep()
        if self._defers:
            self._before = self.connection.serialize()
        else:
            self.connection.execute("BEGIN")
        try:
            self.connection.execute(sql, values)
        except sqlite3.IntegrityError as error:
            return error.sqlite_errorname
        except (sqlite3.Error, OverflowError) as error:
            return f"error {getattr(error, 'sqlite_errorname', type(error).__name__)}"
        return ""

    def probe(self, operation: Operation) -> tuple[str, str]:
        """
        Try an operation and undo it.

        Args:
            operation: The operation.

        Returns:
            Why it is refused, such as `UNIQUE`, and what SQLite says of it; empty where it is not.
        """
        sql, values = self._sql(operation)
        self._keep()
        self.connection.execute("BEGIN")
        try:
            self.connection.execute(sql, values)
            if self._defers and self._dangles(operation):
                return "FOREIGNKEY", ""
        except sqlite3.IntegrityError as error:
            return error.sqlite_errorname.removeprefix("SQLITE_CONSTRAINT_"), str(error)
        except (sqlite3.Error, OverflowError):
            return "error", ""
        finally:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
        return "", ""

    def _dangles(self, operation: Operation) -> bool:
        """Tell whether a row refers to none: a deferred key is looked at on commit only."""
        found = self.connection.execute(
            f"PRAGMA foreign_key_check({quoted(operation.relation)})"
        ).fetchone()
        return found is not None

    def take_back(self) -> None:
        """Undo the last operation; where keys are deferred, they are looked at on commit only."""
        if self._defers:
            self.connection.deserialize(self._before)
        elif self.connection.in_transaction:
            self.connection.execute("ROLLBACK")

    def _keep(self) -> None:
        if self.connection.in_transaction:
            self.connection.execute("COMMIT")

    def _sql(self, operation: Operation) -> tuple[str, list[RawValue]]:
        name = quoted(operation.relation)
        written = [value for _, value in operation.values]
        where = " AND ".join(
            f"{self._compared(operation.relation, c)} IS ?" for c, _ in operation.where
        )
        condition = f" WHERE {where}" if where else ""
        values = [*written, *(value for _, value in operation.where)]
        if operation.verb == "DELETE":
            return f"DELETE FROM {name}{condition}", values
        if operation.verb == "UPDATE":
            assigned = ", ".join(f"{quoted(column)} = ?" for column, _ in operation.values)
            return f"UPDATE {name} SET {assigned}{condition}", values
        if not operation.values:
            return f"INSERT INTO {name} DEFAULT VALUES", values
        columns = quoted_list(tuple(column for column, _ in operation.values))
        marks = ", ".join("?" * len(written))
        return f"INSERT INTO {name} ({columns}) VALUES ({marks})", values

    def _compared(self, relation: str, column: str) -> str:
        """Compare by bytes: a collation must not choose other rows here than there."""
        try:
            found = self._plan.table(relation).named(column).source
        except KeyError:
            return quoted(column)
        is_text = found.affinity in (Affinity.TEXT, Affinity.BLOB)
        return f"{quoted(column)} COLLATE BINARY" if is_text else quoted(column)


def rows_of(connection: sqlite3.Connection, view: str) -> list[tuple[RawValue, ...]] | None:
    """
    Read a view.

    Args:
        connection: To the database.
        view: Its name.

    Returns:
        All its rows; None where SQLite itself cannot compute them, as on an integer overflow.
    """
    try:
        return connection.execute(f"SELECT * FROM {quoted(view)}").fetchall()
    except sqlite3.Error:
        return None
