"""One operation for every constraint, default, action and trigger, before chance makes others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_deploy.behaviour.operations import Operation
from pytest_deploy.behaviour.rows_to_try import RowsToTry
from pytest_deploy.schema.constraints import foreign_key_name
from pytest_deploy.schema.kinds import Kind
from pytest_deploy.schema.tokens import tokens
from pytest_deploy.schema.translation.trigger_text import read_trigger

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_deploy.behaviour.operations import Maker
    from pytest_deploy.behaviour.sqlite_side import Row, SqliteSide
    from pytest_deploy.schema.kinds import RawValue
    from pytest_deploy.schema.model import ForeignKey, Index
    from pytest_deploy.schema.plan import PlannedColumn, PlannedTable, PlannedTrigger, SchemaPlan

_MOST_TRIED = 60
_FAR, _LONG = 1_000_000_000, 300


@dataclass(frozen=True)
class Trial:
    """
    One thing that the schema says, and an operation that comes up against it.

    Args:
        what: Such as `NOT NULL of t.c`; empty for a row that is only needed for others.
        operation: None where no values were found that do.
    """

    what: str
    operation: Operation | None


class Systematic:
    """
    Finds operations by trying them on SQLite, which says what refused them.

    Args:
        plan: The plan.
        sqlite: SQLite's side.
        maker: Makes rows where none are there.
    """

    def __init__(self, plan: SchemaPlan, sqlite: SqliteSide, maker: Maker) -> None:
        self._plan, self._sqlite = plan, sqlite
        self._rows = RowsToTry(plan, sqlite, maker)

    def trials(self) -> Iterator[Trial]:
        """
        Make the operations; each is carried out before the next is asked for.

        Yields:
            Them, in the order of the tables.
        """
        for trial in self._all():
            yield trial
            self._rows.forget()

    def _all(self) -> Iterator[Trial]:
        for table in self._plan.tables:
            if not table.written:
                continue
            if not self._sqlite.rows(table):
                yield Trial("", self._insert(table, self._rows.acceptable(table)))
            yield from self._of_columns(table)
            yield from self._of_checks(table)
            yield from self._of_keys(table)
        for table in self._plan.tables:
            for key in table.foreign_keys:
                yield from self._of_foreign_key(table, key.source)
        for trigger in self._plan.triggers:
            yield from self._of_trigger(trigger)

    def _of_columns(self, table: PlannedTable) -> Iterator[Trial]:
        for column in table.written:
            name, source = column.source.name, column.source
            if source.generated or column.identity:
                continue
            if source.not_null and column.not_null:
                tried = [self._changed(table, {name: None})]
                yield Trial(f"NOT NULL of {table.source.name}.{name}", self._refused(tried, "NOT"))
            if source.default is not None:
                row = self._rows.acceptable(table) or {}
                rest = {c: value for c, value in row.items() if c != name}
                tried = [self._insert(table, rest or None)]
                yield Trial(f"DEFAULT of {table.source.name}.{name}", self._accepted(tried))

    def _of_checks(self, table: PlannedTable) -> Iterator[Trial]:
        for check in table.checks:
            words = {token.name.lower() for token in tokens(check.source.expression)}
            named = [c for c in table.written if c.source.name.lower() in words]
            tried = (
                self._changed(table, {column.source.name: value})
                for column in named
                for value in self._rows.values(table, column)[:_MOST_TRIED] + self._far(column)
            )
            saying = (check.source.name, " ".join(check.source.expression.split()))
            what = f"CHECK {check.source.name} of {table.source.name}"
            yield Trial(what, self._refused(tried, "CHECK", saying))

    @staticmethod
    def _far(column: PlannedColumn) -> list[RawValue]:
        """Give values beyond what rows hold, for limits that none comes near to."""
        numbers = {Kind.BIGINT: _FAR, Kind.NUMERIC: _FAR, Kind.DOUBLE: float(_FAR)}
        if column.type.kind in numbers:
            far = numbers[column.type.kind]
            return [far, -far]
        return ["x" * _LONG] if column.type.kind is Kind.TEXT else []

    def _of_keys(self, table: PlannedTable) -> Iterator[Trial]:
        source = table.source
        if source.primary_key:
            what = f"PRIMARY KEY of {source.name}"
            yield Trial(what, self._taken(table, source.primary_key, ()))
        for index in source.indexes:
            if index.unique and not index.has_expression:
                what = f"UNIQUE ({', '.join(index.columns)}) of {source.name}"
                yield Trial(what, self._taken(table, index.columns, _folded_in(index)))

    def _taken(
        self, table: PlannedTable, columns: tuple[str, ...], folded: tuple[str, ...]
    ) -> Operation | None:
        """Insert a row whose key another row has; in other letters where that is the same."""

        def taken(row: Row) -> Operation | None:
            given = {name: _other_case(row[name], name in folded) for name in columns}
            return self._insert(table, self._rows.like(table, row) | given)

        rows = [r for r in self._sqlite.rows(table) if all(r[name] is not None for name in columns)]
        said = tuple(f"{table.source.name}.{name}" for name in columns)
        tried = (taken(row) for row in rows)
        return self._refused(tried, ("UNIQUE", "PRIMARYKEY", "ROWID"), (", ".join(said),))

    def _of_foreign_key(self, table: PlannedTable, key: ForeignKey) -> Iterator[Trial]:
        name, parent = foreign_key_name(table.source, key), self._plan.table(key.parent)
        column = table.named(key.columns[0])
        rest = {c: self._rows.some(table, c) for c in key.columns[1:]}
        tried = (
            self._changed(table, {key.columns[0]: value, **rest})
            for value in self._rows.unknown(table, column)
        )
        yield Trial(f"FOREIGN KEY {name}", self._refused(tried, "FOREIGNKEY"))
        referred = self._referred(table, key, parent)
        if referred is None:
            yield Trial("", self._child(table, key, parent))
            referred = self._referred(table, key, parent)
        gone = self._rows.where(parent, referred) if referred else ()
        deleted = Operation("DELETE", parent.source.name, (), gone) if referred else None
        yield Trial(f"ON DELETE of {name}", deleted)
        referred = self._referred(table, key, parent)
        yield Trial(f"ON UPDATE of {name}", self._moved(parent, key, referred))

    def _referred(self, table: PlannedTable, key: ForeignKey, parent: PlannedTable) -> Row | None:
        """Find a row of the parent that a row of the child refers to."""
        wanted = {tuple(row[c] for c in key.columns) for row in self._sqlite.rows(table)}
        for row in self._sqlite.rows(parent):
            found = tuple(row[c] for c in key.parent_columns)
            if found in wanted and None not in found:
                return row
        return None

    def _child(
        self, table: PlannedTable, key: ForeignKey, parent: PlannedTable
    ) -> Operation | None:
        tried = (
            self._changed(
                table, {c: row[p] for c, p in zip(key.columns, key.parent_columns, strict=True)}
            )
            for row in self._sqlite.rows(parent)
        )
        return self._accepted(tried)

    def _moved(self, parent: PlannedTable, key: ForeignKey, row: Row | None) -> Operation | None:
        if row is None:
            return None
        column = parent.named(key.parent_columns[0])
        value = next(iter(self._rows.unknown(parent, column)), None)
        where = self._rows.where(parent, row)
        values = ((column.source.name, value),)
        return Operation("UPDATE", parent.source.name, values, where) if value is not None else None

    def _of_trigger(self, trigger: PlannedTrigger) -> Iterator[Trial]:
        try:
            table = self._plan.table(trigger.source.table)
        except KeyError:
            return  # what goes through a view has turns of its own
        said = read_trigger(trigger.source.sql)
        what = f"TRIGGER {trigger.source.name}"
        tried = self._fired(table, said.event, {name.lower() for name in said.columns})
        yield Trial(what, self._accepted(tried) or self._refused(tried, "TRIGGER"))

    def _fired(self, table: PlannedTable, event: str, columns: set[str]) -> list[Operation | None]:
        if event == "INSERT":
            return [self._insert(table, self._rows.acceptable(table))]
        rows = self._sqlite.rows(table)
        name = table.source.name
        if event == "DELETE":
            return [Operation("DELETE", name, (), self._rows.where(table, row)) for row in rows]
        return [
            Operation("UPDATE", name, ((column.source.name, value),), self._rows.where(table, row))
            for column in table.written
            if not column.identity and (not columns or column.source.name.lower() in columns)
            for row in rows[:2]
            for value in self._rows.values(table, column)[:4]
            if value != row[column.source.name]
        ]

    def _changed(self, table: PlannedTable, values: Row) -> Operation | None:
        """Insert a row that would be taken if it were not for a few values."""
        row = self._rows.acceptable(table)
        return None if row is None else self._insert(table, {**row, **values})

    def _insert(self, table: PlannedTable, row: Row | None) -> Operation | None:
        return Operation("INSERT", table.source.name, tuple(row.items())) if row else None

    def _accepted(self, tried: Iterable[Operation | None]) -> Operation | None:
        return next((o for o in tried if o and not self._sqlite.probe(o)[0]), None)

    def _refused(
        self,
        tried: Iterable[Operation | None],
        by: str | tuple[str, ...],
        saying: tuple[str, ...] = ("",),
    ) -> Operation | None:
        """Take the first that SQLite refuses for the reason wanted."""
        for operation in tried:
            if operation is None:
                continue
            refused, said = self._sqlite.probe(operation)
            told = " ".join(said.split())
            if refused.startswith(by) and any(told.endswith(one) for one in saying):
                return operation
        return None


def _folded_in(index: Index) -> tuple[str, ...]:
    return tuple(t.column for t in index.terms if t.column and t.collation == "NOCASE")


def _other_case(value: RawValue, folds: bool) -> RawValue:
    return value.swapcase() if folds and isinstance(value, str) and value.isascii() else value
