"""The target's side: its own tables, emptied and filled with a few rows, in one transaction."""

from __future__ import annotations

from secrets import token_hex
from typing import TYPE_CHECKING, Any

from pytest_deploy.behaviour.values import parameter
from pytest_deploy.schema.identifiers import literal, quoted, quoted_list
from pytest_deploy.schema.kinds import Kind
from pytest_deploy.transfer.refusals import refusal
from pytest_deploy.transfer.sequences import sequence_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import tzinfo

    import psycopg

    from pytest_deploy.behaviour.operations import Operation
    from pytest_deploy.schema.kinds import RawValue
    from pytest_deploy.schema.plan import PlannedTable, SchemaPlan

    Row = Mapping[str, RawValue]

_SAVEPOINT = "operation"
_REFUSALS = ("23", "22", "P0001", "54000")  # the last one is for a row too large for a page
_FOREIGN_KEYS = """
SELECT c.relname, k.conname, pg_get_constraintdef(k.oid)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE c.relnamespace = to_regnamespace(%s) AND k.contype = 'f' ORDER BY 1, 2
"""
_TRIGGERS = """
SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace = to_regnamespace(%s) AND c.relkind = 'r' AND NOT t.tgisinternal
  AND t.tgenabled = 'O' ORDER BY 1, 2
"""


class PostgresSide:
    """
    The target inside a transaction that is rolled back.

    Args:
        connection: In a transaction of its own.
        plan: The plan.
        zone: The zone of dates that name none.
    """

    def __init__(self, connection: psycopg.Connection, plan: SchemaPlan, zone: tzinfo) -> None:
        self._connection = connection
        self._plan = plan
        self._zone = zone
        self._kinds = _kinds(plan)
        _texts_as_texts(connection)
        self._sequences = {
            table.name: sequence_of(connection, plan, table)
            for table in plan.tables
            if table.identity
        }
        self._defers = any(
            key.source.deferred for table in plan.tables for key in table.foreign_keys
        )
        self.role = self._make_role()

    def _make_role(self) -> str:
        """Make the role that the app will have; without the right to, go on as who connected."""
        import psycopg

        schema = quoted(self._plan.schema)
        role = f"pytest_deploy_app_{token_hex(4)}"  # roles are the whole server's
        grants = (
            f"USAGE ON SCHEMA {schema}",
            f"SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema}",
            f"USAGE, UPDATE ON ALL SEQUENCES IN SCHEMA {schema}",
        )
        try:
            with self._connection.transaction():
                self._connection.execute(f"CREATE ROLE {role} NOLOGIN")
                self._connection.execute(f"GRANT {role} TO CURRENT_USER")
                for grant in grants:
                    self._connection.execute(f"GRANT {grant} TO {role}")
        except psycopg.errors.InsufficientPrivilege:
            return ""
        return role

    def fill(self, rows: Mapping[str, Sequence[Row]]) -> None:
        """
        Put rows in the place of all that is there, without setting anything off.

        Args:
            rows: By the table's name in the source.
        """
        self._connection.execute("RESET ROLE")
        if self._plan.tables:
            self._replace(rows)
        if self.role:
            self._connection.execute(f"SET LOCAL ROLE {self.role}")
        self._connection.execute(f"SAVEPOINT {_SAVEPOINT}")

    def _replace(self, rows: Mapping[str, Sequence[Row]]) -> None:
        names = [self._relation(table.name) for table in self._plan.tables]
        keys = self._connection.execute(_FOREIGN_KEYS, (quoted(self._plan.schema),)).fetchall()
        for table, name, _ in keys:
            self._alter(self._relation(table), f"DROP CONSTRAINT {quoted(name)}")
        self._connection.execute(f"TRUNCATE {', '.join(names)}")
        enabled = self._connection.execute(_TRIGGERS, (quoted(self._plan.schema),)).fetchall()
        for table, name in enabled:
            self._alter(self._relation(table), f"DISABLE TRIGGER {quoted(name)}")
        for table in self._plan.tables:
            self._insert(table, rows.get(table.source.name, ()))
        for table, name in enabled:
            self._alter(self._relation(table), f"ENABLE TRIGGER {quoted(name)}")
        for table, name, definition in keys:
            self._add_again(self._relation(table), f"ADD CONSTRAINT {quoted(name)} {definition}")

    def _add_again(self, table: str, what: str) -> None:
        """Add a foreign key; for rows that only SQLite takes, without looking at them."""
        import psycopg

        try:
            with self._connection.transaction():
                self._alter(table, what)
        except psycopg.errors.ForeignKeyViolation:
            self._alter(table, f"{what} NOT VALID")

    def _alter(self, table: str, what: str) -> None:
        self._connection.execute(f"ALTER TABLE {table} {what}")

    def _insert(self, table: PlannedTable, rows: Sequence[Row]) -> None:
        if not rows:
            return
        columns = table.written
        marks = ", ".join(["%s"] * len(columns))
        names = quoted_list(tuple(column.name for column in columns))
        sql = f"INSERT INTO {_plain(self._relation(table.name))} ({_plain(names)}) VALUES ({marks})"
        with self._connection.cursor() as cursor:
            cursor.executemany(
                sql,
                [
                    [parameter(row[c.source.name], c.type.kind, self._zone) for c in columns]
                    for row in rows
                ],
            )

    def set_next_key(self, table: PlannedTable, key: int) -> None:
        """
        Let a table's next row get a key: refused inserts move a sequence on, but not SQLite's key.

        Args:
            table: A table whose keys are assigned.
            key: The key.
        """
        sequence = self._sequences[table.name]
        self._connection.execute("SELECT setval(%s::regclass, %s, false)", (sequence, key))

    def rows(self, table: PlannedTable) -> list[tuple[Any, ...]]:
        """Read a table: all its rows, in no order."""
        columns = quoted_list(tuple(column.name for column in table.columns))
        return self._connection.execute(
            f"SELECT {columns} FROM {self._relation(table.name)}"
        ).fetchall()

    def run(self, operation: Operation) -> str:
        """
        Try an operation.

        Args:
            operation: The operation.

        Returns:
            Empty where it was accepted, else the SQLSTATE with what it names.

        Raises:
            psycopg.Error: It failed for another reason than what the row is.
        """
        import psycopg

        sql, values = self._sql(operation)
        try:
            self._connection.execute(sql, values)
            if self._defers:
                self._connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
                self._connection.execute("SET CONSTRAINTS ALL DEFERRED")
        except psycopg.Error as error:
            self.take_back()
            if not refuses_a_row(error):
                raise
            return refusal(error)
        return ""

    def take_back(self) -> None:
        """Undo the last operation that is not kept."""
        self._connection.execute(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}")

    def keep(self) -> None:
        """Keep the last operation."""
        self._connection.execute(f"RELEASE SAVEPOINT {_SAVEPOINT}; SAVEPOINT {_SAVEPOINT}")

    def _sql(self, operation: Operation) -> tuple[str, list[Any]]:
        kinds, name, names = self._kinds[operation.relation]
        relation = _plain(self._relation(name))
        values = [parameter(v, kinds[c], self._zone) for c, v in operation.values]
        where = " AND ".join(
            f"{_comparable(_plain(quoted(names[c])), kinds[c])} IS NOT DISTINCT FROM %s"
            for c, _ in operation.where
        )
        condition = f" WHERE {where}" if where else ""
        values += [parameter(v, kinds[c], self._zone) for c, v in operation.where]
        if operation.verb == "DELETE":
            return f"DELETE FROM {relation}{condition}", values
        written = [names[column] for column, _ in operation.values]
        if operation.verb == "UPDATE":
            assigned = ", ".join(f"{_plain(quoted(column))} = %s" for column in written)
            return f"UPDATE {relation} SET {assigned}{condition}", values
        if not operation.values:
            return f"INSERT INTO {relation} DEFAULT VALUES", values
        marks = ", ".join(["%s"] * len(written))
        return (
            f"INSERT INTO {relation} ({_plain(quoted_list(tuple(written)))}) VALUES ({marks})",
            values,
        )

    def _relation(self, name: str) -> str:
        return f"{quoted(self._plan.schema)}.{quoted(name)}"


def _plain(sql: str) -> str:
    """Keep percent signs in names from being read as parameters."""
    return sql.replace("%", "%%")


def refuses_a_row(error: psycopg.Error) -> bool:
    """
    Tell a refusal from a mistake.

    Args:
        error: What Postgres said to a statement.

    Returns:
        Whether it is for what a row is: a constraint, a value, or RAISE in a trigger.
    """
    return (error.sqlstate or "").startswith(_REFUSALS)


def _comparable(column: str, kind: Kind) -> str:
    """Let documents be compared as texts: Postgres has no equality of its own for them."""
    return f"{column}::text" if kind is Kind.JSON else column


def _texts_as_texts(connection: psycopg.Connection) -> None:
    """Read as text what SQLite has as text, whatever more Postgres knows of it."""
    from psycopg.types.string import TextLoader

    for name in ("uuid", "json"):
        connection.adapters.register_loader(name, TextLoader)


def _kinds(plan: SchemaPlan) -> dict[str, tuple[dict[str, Kind], str, dict[str, str]]]:
    """Give the kinds of columns, and the names in Postgres, of every table and view."""
    found: dict[str, tuple[dict[str, Kind], str, dict[str, str]]] = {}
    for table in plan.tables:
        kinds = {column.source.name: column.type.kind for column in table.columns}
        names = {column.source.name: column.name for column in table.columns}
        found[table.source.name] = (kinds, table.name, names)
    for view in plan.views:
        pairs = list(zip(view.source.columns, view.columns, strict=True))
        kinds = {source: column.type.kind for source, column in pairs}
        names = {source: column.name for source, column in pairs}
        found[view.source.name] = (kinds, view.name, names)
    return found


def sequences_kept(
    connection: psycopg.Connection, plan: SchemaPlan
) -> Iterator[tuple[str, int, bool]]:
    """
    Read where sequences stand: no rollback puts them back.

    Args:
        connection: To the target.
        plan: The plan.

    Yields:
        Name, last value, and whether it was given out.
    """
    for table in plan.tables:
        if table.identity is not None:
            sequence = sequence_of(connection, plan, table)
            row = connection.execute(f"SELECT last_value, is_called FROM {sequence}").fetchone()
            if row is not None:
                yield sequence, int(row[0]), bool(row[1])


def put_back(connection: psycopg.Connection, sequences: Sequence[tuple[str, int, bool]]) -> None:
    """
    Put sequences back where they stood.

    Args:
        connection: To the target.
        sequences: See `sequences_kept`.
    """
    for name, value, called in sequences:
        said = f"{literal(name)}::regclass, {value}, {str(called).lower()}"
        connection.execute(f"SELECT setval({said})")
