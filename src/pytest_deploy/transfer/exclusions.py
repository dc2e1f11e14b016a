"""
Which rows and cells stay behind in quarantine, kept beside the snapshot in a file of its own.

Every reader attaches it, so that one SELECT gives the rows as they go to the target, however many
are left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pytest_deploy.schema.identifiers import quoted, quoted_list

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import apsw

    from pytest_deploy.schema.kinds import RawValue
    from pytest_deploy.schema.model import SourceSchema, Table
    from pytest_deploy.transfer.snapshot import Snapshot

ALIAS = "x"


def open_source(
    snapshot: Snapshot, exclusions: Exclusions | None, *, text_errors: str = "surrogateescape"
) -> sqlite3.Connection:
    """
    Open the snapshot with its exclusions attached.

    Args:
        snapshot: The snapshot.
        exclusions: What stays behind; None where nothing does.
        text_errors: How text that is not UTF-8 is read, see `bytes.decode`.

    Returns:
        A read-only connection.
    """
    connection = snapshot.connect(text_errors=text_errors)
    if exclusions is not None:
        exclusions.attach(connection)
    return connection


@dataclass(frozen=True)
class Exclusions:
    """
    What stays behind, by table.

    Args:
        path: The SQLite file that names every row and cell.
        numbers: The number of each table in that file.
        rows: Rows left out, by table name.
        cells: Cells left out, by table and column name.
    """

    path: Path
    numbers: dict[str, int] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    cells: dict[str, dict[str, int]] = field(default_factory=dict)

    def attach(self, connection: sqlite3.Connection | apsw.Connection) -> None:
        """Let a reader of the snapshot see them."""
        connection.execute(f"ATTACH ? AS {ALIAS}", (f"file:{self.path}?mode=ro",))

    def rows_of(self, table: str) -> int:
        """Rows of a table that stay behind."""
        return self.rows.get(table, 0)

    def cells_of(self, table: str) -> int:
        """Cells of a table, in rows that go over, that stay behind."""
        return sum(self.cells.get(table, {}).values())

    def source_of(self, table: Table) -> str:
        """
        Give the FROM clause of the rows that go over, for `SELECT ... FROM`.

        Args:
            table: The table.

        Returns:
            The table as `s`, with a WHERE clause that can be continued with AND.
        """
        source = f"main.{quoted(table.name)} AS s"
        return f"{source} WHERE {self.is_kept(table, 's')}"

    def is_kept(self, table: Table, alias: str) -> str:
        """
        Give the condition that a row goes over.

        Args:
            table: The table.
            alias: What the table is called in the statement.

        Returns:
            SQL.
        """
        if not self.rows_of(table.name):
            return "1"  # `true` may be one of the columns
        return f"{_identity(table, alias)} NOT IN (SELECT {_keys(table)} FROM {self._rows(table)})"

    def cell(self, table: Table, column: str) -> str:
        """
        Give the expression for a column of `s`: NULL where the cell stays behind.

        Args:
            table: The table.
            column: One of its columns.

        Returns:
            SQL.
        """
        plain = f"s.{quoted(column)}"
        if not self.cells.get(table.name, {}).get(column):
            return plain
        cells = f"{ALIAS}.cells_{self.numbers[table.name]}"
        left_out = f"SELECT {_keys(table)} FROM {cells} WHERE col = {_text(column)}"
        return f"CASE WHEN {_identity(table, 's')} IN ({left_out}) THEN NULL ELSE {plain} END"

    def _rows(self, table: Table) -> str:
        return f"{ALIAS}.rows_{self.numbers[table.name]}"


class ExclusionWriter:
    """
    Collects what stays behind, while the source is examined.

    Args:
        connection: A connection to the snapshot.
        path: The file to make.
        schema: What the source declares.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, schema: SourceSchema) -> None:
        self.path = path
        self.connection = connection
        self._tables = {table.name: table for table in schema.tables}
        self._numbers = {table.name: n for n, table in enumerate(schema.tables)}
        self._counted = Exclusions(path, dict(self._numbers))
        self._rows: dict[str, int] = dict.fromkeys(self._numbers, 0)
        self._cells: dict[str, dict[str, int]] = {name: {} for name in self._numbers}
        self._stale: set[str] = set()  # tables of which something was left out since
        connection.execute(f"ATTACH ? AS {ALIAS}", (f"file:{path}?mode=rwc",))
        path.chmod(0o600)
        # A run that is killed makes the file anew: nothing has to be safe on the disk.
        connection.execute(f"PRAGMA {ALIAS}.synchronous = OFF")
        connection.execute("BEGIN")
        for name, number in self._numbers.items():
            keys = _keys(self._tables[name])
            connection.execute(
                f"CREATE TABLE {ALIAS}.rows_{number} ({keys}, reason, PRIMARY KEY ({keys}))"
                " WITHOUT ROWID"
            )
            connection.execute(
                f"CREATE TABLE {ALIAS}.cells_{number} (col, {keys}, reason,"
                f" PRIMARY KEY (col, {keys})) WITHOUT ROWID"
            )
        connection.execute("COMMIT")

    def add_rows(self, table: Table, keys: Iterable[Sequence[RawValue]], reason: str) -> None:
        """
        Leave rows out.

        Args:
            table: Their table.
            keys: Their identities.
            reason: The code of the finding.
        """
        self._stale.add(table.name)
        marks = ", ".join("?" * (len(table.identity) + 1))
        self.connection.executemany(
            f"INSERT OR IGNORE INTO {ALIAS}.rows_{self._numbers[table.name]} VALUES ({marks})",
            ((*key, reason) for key in keys),
        )

    def add_cells(
        self, table: Table, column: str, keys: Iterable[Sequence[RawValue]], reason: str
    ) -> None:
        """
        Leave cells out; their rows go over with NULL.

        Args:
            table: Their table.
            column: Their column.
            keys: The identities of their rows.
            reason: The code of the finding.
        """
        self._stale.add(table.name)
        marks = ", ".join("?" * (len(table.identity) + 2))
        self.connection.executemany(
            f"INSERT OR IGNORE INTO {ALIAS}.cells_{self._numbers[table.name]} VALUES ({marks})",
            ((column, *key, reason) for key in keys),
        )

    def so_far(self) -> Exclusions:
        """
        Count what has been left out.

        Returns:
            The exclusions; cells of rows that stay behind whole are not counted again.
        """
        if self._stale:
            for name in self._stale:
                self._count_again(name)
            self._stale.clear()
            self._counted = replace(self._counted, rows=dict(self._rows), cells=dict(self._cells))
        return self._counted

    def _count_again(self, name: str) -> None:
        number, keys = self._numbers[name], _keys(self._tables[name])
        self._rows[name] = self._count(f"{ALIAS}.rows_{number}")
        self.connection.execute(
            f"DELETE FROM {ALIAS}.cells_{number} WHERE ({keys}) IN"
            f" (SELECT {keys} FROM {ALIAS}.rows_{number})"
        )
        found = self.connection.execute(
            f"SELECT col, count(*) FROM {ALIAS}.cells_{number} GROUP BY col"
        )
        self._cells[name] = dict(found.fetchall())

    def close(self) -> Exclusions:
        """
        Finish.

        Returns:
            The exclusions, for every reader.
        """
        done = self.so_far()
        self.connection.execute(f"DETACH {ALIAS}")
        return done

    def _count(self, table: str) -> int:
        return int(self.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def _identity(table: Table, alias: str) -> str:
    return "(" + ", ".join(f"{alias}.{quoted(name)}" for name in table.identity) + ")"


def _keys(table: Table) -> str:
    return quoted_list(tuple(f"k{n}" for n in range(len(table.identity))))


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
