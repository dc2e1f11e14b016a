"""Rows that a table would take, and values that nothing refers to yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.behaviour.operations import Operation
from pytest_deploy.schema.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_deploy.behaviour.operations import Maker
    from pytest_deploy.behaviour.sqlite_side import Row, SqliteSide
    from pytest_deploy.schema.kinds import RawValue
    from pytest_deploy.schema.plan import PlannedColumn, PlannedTable, SchemaPlan

_COPIED, _BY_CHANCE = 4, 20


class RowsToTry:
    """
    Makes rows.

    Args:
        plan: The plan.
        sqlite: Says which rows are taken.
        maker: Knows the values, and makes rows by chance.
    """

    def __init__(self, plan: SchemaPlan, sqlite: SqliteSide, maker: Maker) -> None:
        self._plan, self._sqlite, self._maker = plan, sqlite, maker
        self._made: dict[str, Row | None] = {}

    def acceptable(self, table: PlannedTable) -> Row | None:
        """
        Make a row that SQLite would take now.

        Args:
            table: The table.

        Returns:
            By column; None where none was found.
        """
        name = table.source.name
        if name not in self._made:
            taken = (row for row in self._candidates(table) if self._taken(name, row))
            self._made[name] = next(taken, None)
        return self._made[name]

    def forget(self) -> None:
        """Make rows anew: the tables are not what they were."""
        self._made.clear()

    def like(self, table: PlannedTable, row: Row) -> Row:
        """Make a row like one that is there, but for a value in each of its keys."""
        given = {c.source.name: row[c.source.name] for c in self._columns(table)}
        return given | self._fresh(table, self._sqlite.rows(table))

    @staticmethod
    def _columns(table: PlannedTable) -> list[PlannedColumn]:
        return [column for column in table.written if not column.source.generated]

    def _taken(self, name: str, row: Row) -> bool:
        return not self._sqlite.probe(Operation("INSERT", name, tuple(row.items())))[0]

    def _candidates(self, table: PlannedTable) -> Iterator[Row]:
        rows = self._sqlite.rows(table)
        for row in rows[:_COPIED]:
            yield self.like(table, row)
        names = {column.source.name for column in self._columns(table)}
        for _ in range(_BY_CHANCE):
            made = dict(self._maker.any_row(table, rows).values)
            yield {name: value for name, value in made.items() if name in names}

    def _fresh(self, table: PlannedTable, rows: list[Row]) -> Row:
        """Give a value that no other row has to a column of every key."""
        keys = [table.source.primary_key, *(i.columns for i in table.source.indexes if i.unique)]
        referring = {name for key in table.foreign_keys for name in key.source.columns}
        given: Row = {}
        for key in keys:
            free = [name for name in key if name not in referring] or list(key)
            if free and given.keys().isdisjoint(key):
                column = table.named(free[-1])
                taken = {row[column.source.name] for row in rows}
                value = next((v for v in _beyond(column, taken) if v not in taken), None)
                pool = (v for v in self.values(table, column) if v not in taken)
                given[column.source.name] = next(pool, None) if value is None else value
        return given

    def values(self, table: PlannedTable, column: PlannedColumn) -> list[RawValue]:
        """Give the values that may go into a column."""
        return self._maker.values(table, column)

    def some(self, table: PlannedTable, column: str) -> RawValue:
        """Give one of the values that may go into a column."""
        return next(iter(self.values(table, table.named(column))), None)

    def unknown(self, table: PlannedTable, column: PlannedColumn) -> Iterator[RawValue]:
        """Yield values for a column that none of those known is."""
        known = set(self.values(table, column))
        yield from (value for value in _beyond(column, known) if value not in known)
        yield from known

    def where(self, table: PlannedTable, row: Row) -> tuple[tuple[str, RawValue], ...]:
        """Name a row by its key."""
        return self._maker.where(table, row)


def _beyond(column: PlannedColumn, known: set[RawValue]) -> tuple[RawValue, ...]:
    """Give a value beyond all that are known, where its type has one."""
    numbers = [int(v) for v in known if isinstance(v, int | float) and abs(v) < 2**53]
    kind, most = column.type.kind, max(numbers, default=0)
    if kind in (Kind.BIGINT, Kind.NUMERIC):
        return (most + 1,)
    if kind is Kind.DOUBLE:
        return (most + 1.5,)
    if kind is Kind.TEXT and column.source.affinity.name in ("TEXT", "BLOB"):
        texts = [v for v in known if isinstance(v, str)]
        # Such as a rule for addresses takes, too.
        return (f"new-{len(texts)}", f"{max(texts, key=len, default='')}9")
    if kind is Kind.UUID:
        return (f"f0e1d2c3-b4a5-4687-9778-{len(known):012x}",)
    return ()
