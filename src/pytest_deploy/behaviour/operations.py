"""What is tried: inserts, updates and deletes as data, made by chance from a seed."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_deploy.schema.dates import parse_date
from pytest_deploy.schema.kinds import Kind, fits
from pytest_deploy.schema.model import Affinity
from pytest_deploy.schema.tokens import tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_deploy.schema.kinds import RawValue
    from pytest_deploy.schema.plan import PlannedColumn, PlannedTable, SchemaPlan

    Row = Mapping[str, RawValue]

_ALWAYS: dict[Kind, tuple[RawValue, ...]] = {
    Kind.BIGINT: (0, 1, -1, 2, 7, 1000),
    Kind.DOUBLE: (0.0, 1.5, -0.25, 1e6),
    Kind.NUMERIC: (0, 1, 2.5, -1),
    Kind.TEXT: ("", "a", "ñandú", "Zz top"),
    Kind.BYTEA: (b"", b"\x00\xff"),
    Kind.BOOLEAN: (0, 1),
    Kind.DATE: ("2024-02-29", "1999-12-31"),
    Kind.TIMESTAMPTZ: ("2024-02-29 12:30:00", "1999-12-31 23:59:59"),
    Kind.UUID: ("00000000-0000-4000-8000-000000000000", "f0e1d2c3-b4a5-4687-9778-695a4b3c2d1e"),
    Kind.JSON: ("{}", '{"a": [1, "ñ"]}', "[]", "null"),
    Kind.SECONDS: (946_684_800, 1_709_210_000),
    Kind.MILLISECONDS: (946_684_800_000, 1_709_210_000_123),
    Kind.JULIAN_DAYS: (2_460_370.0208333335, 2_451_544.5),
    Kind.CORE_DATA: (0, 730_902_600.25),
}
_TEXTUAL = (Affinity.TEXT, Affinity.BLOB)
_NUMBER = re.compile(r"(?i)\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?\s*")
_MOST_LITERALS = 40
_TOLD = 30
# Each side has a clock and chances of its own: a key made of them is another one on each.
_BY_CHANCE = re.compile(r"(?i)random|uuid|'now'|current_|date|time|julianday|strftime")
_RARELY, _AT_TIMES, _HALF = 0.05, 0.15, 0.5


@dataclass(frozen=True)
class Operation:
    """
    One thing to try.

    Args:
        verb: `INSERT`, `UPDATE` or `DELETE`.
        relation: The table or view, by its name in the source.
        values: What is written, by column; for an INSERT without any, all defaults.
        where: Which rows, by column; empty for all of them.
        lax: Whether the value is one that only SQLite takes: `'abc'` among integers.
    """

    verb: str
    relation: str
    values: tuple[tuple[str, RawValue], ...] = ()
    where: tuple[tuple[str, RawValue], ...] = ()
    lax: bool = False

    def told(self) -> str:
        """Say what is tried, without any value."""
        names = [name for name, _ in self.values]
        written = ", ".join(names[:_TOLD]) + (", ..." if names[_TOLD:] else "") or "defaults"
        said = {
            "INSERT": f"INSERT INTO {self.relation} ({written})",
            "UPDATE": f"UPDATE {self.relation} SET {written}",
            "DELETE": f"DELETE FROM {self.relation}",
        }[self.verb]
        return said + ("" if self.where or self.verb == "INSERT" else " (all rows)")


@dataclass
class Pool:
    """
    The values that may go into each column.

    Args:
        values: By table and column.
    """

    values: dict[tuple[str, str], list[RawValue]] = field(default_factory=dict)

    def of(self, table: PlannedTable, column: PlannedColumn) -> list[RawValue]:
        """Give the values for a column."""
        return self.values[table.source.name, column.source.name]


def pool_of(plan: SchemaPlan, rows: Mapping[str, Sequence[Row]]) -> Pool:
    """
    Collect values: those that are there, those that the schema names, and their neighbours.

    Args:
        plan: The plan.
        rows: Rows of each table, by its name in the source.

    Returns:
        The pool; every value fits its column's type.
    """
    named = list(_literals(plan))
    pool = Pool()
    for table in plan.tables:
        for column in table.columns:
            present = [row[column.source.name] for row in rows.get(table.source.name, ())]
            found = [*present, *_ALWAYS[column.type.kind], *named]
            found += [v.swapcase() for v in present if isinstance(v, str)]
            kept = (v for v in found if v is not None and _belongs(v, column))
            pool.values[table.source.name, column.source.name] = list(dict.fromkeys(kept))
    _add_parents(plan, pool, rows)
    return pool


def _add_parents(plan: SchemaPlan, pool: Pool, rows: Mapping[str, Sequence[Row]]) -> None:
    for table in plan.tables:
        for key in table.foreign_keys:
            parents = rows.get(key.source.parent, ())
            pairs = zip(key.source.columns, key.source.parent_columns, strict=True)
            for child, above in pairs:
                column = table.named(child)
                found = [row[above] for row in parents if _belongs(row[above], column)]
                pool.values[table.source.name, column.source.name] += found * 2


def _belongs(value: RawValue, column: PlannedColumn) -> bool:
    kind = column.type.kind
    if kind in (Kind.TEXT, Kind.UUID, Kind.JSON):
        # SQLite would make a number of it, and Postgres has the text.
        is_number = column.source.affinity not in _TEXTUAL and _NUMBER.fullmatch(str(value))
        return isinstance(value, str) and fits(value, column.type) and not is_number
    if kind is Kind.DOUBLE:
        return isinstance(value, float)
    if kind in (Kind.DATE, Kind.TIMESTAMPTZ):
        parsed = parse_date(value) if isinstance(value, str) else None
        return parsed is not None and column.form in (None, parsed.form)
    return fits(value, column.type)


def _unique_columns(table: PlannedTable) -> set[str]:
    """Name the first columns of keys and unique indexes."""
    unique = {index.terms[0].column or "" for index in table.source.indexes if index.unique}
    return unique | set(table.source.primary_key[:1])


def _literals(plan: SchemaPlan) -> Iterator[RawValue]:
    """Yield what checks, triggers and indexes compare with, and what is next to it."""
    source = plan.source
    texts = [check.expression for table in source.tables for check in table.checks]
    texts += [trigger.sql for trigger in source.triggers]
    texts += [index.sql for table in source.tables for index in table.indexes if index.sql]
    found: dict[RawValue, None] = {}
    for text in texts:
        for token in tokens(text):
            found.update(dict.fromkeys(_near(token.kind, token.name)))
    yield from list(found)[: _MOST_LITERALS * 3]


def _near(kind: str, text: str) -> tuple[RawValue, ...]:
    if kind == "string":
        return (text, text.swapcase(), text.strip("%*") + "x")
    if kind == "number" and text.isdecimal() and len(text) < len("1000000000"):
        number = int(text)
        return (number - 1, number, number + 1, -number, float(number))
    return ()


class Maker:
    """
    Makes operations by chance.

    Args:
        plan: The plan.
        pool: The values.
        seed: The same seed makes the same operations on the same rows.
    """

    def __init__(self, plan: SchemaPlan, pool: Pool, seed: int) -> None:
        self._plan = plan
        self._pool = pool
        self._chance = random.Random(seed)  # noqa: S311 - repeatable, not secret

    def one(self, table: PlannedTable, rows: Sequence[Row], turn: int) -> Operation:
        """
        Make the next operation on a table.

        Args:
            table: The table.
            rows: What is in it now.
            turn: How many were made for it before: the kinds of operation take turns.

        Returns:
            The operation.
        """
        kinds = (self._another, self._changed, self.any_row, self._gone, self._key, self._few)
        make = kinds[turn % len(kinds)]
        if not rows and make not in (self.any_row, self._few):
            make = self.any_row
        return make(table, rows)

    def knows(self, table: PlannedTable, column: str, value: RawValue) -> bool:
        """Tell whether a value is one of those that both sides were given."""
        return value in self._pool.values[table.source.name, column]

    def values(self, table: PlannedTable, column: PlannedColumn) -> list[RawValue]:
        """Give the values that may go into a column."""
        return self._pool.of(table, column)

    def lax(self, table: PlannedTable, rows: Sequence[Row]) -> Operation | None:
        """Make an operation that only SQLite takes; None where no column is strict in Postgres."""
        strict = [c for c in table.written if c.type.kind is Kind.BIGINT and not c.identity]
        if not strict or not rows:
            return None
        column = self._chance.choice(strict).source.name
        where = self.where(table, self._chance.choice(rows))
        return Operation("UPDATE", table.source.name, ((column, "abc"),), where, lax=True)

    def through(self, view: str, columns: Sequence[str], rows: Sequence[Row]) -> Operation:
        """
        Make an operation on a view that has INSTEAD OF triggers.

        Args:
            view: Its name in the source.
            columns: Its columns.
            rows: What it shows now.

        Returns:
            The operation: a row as it stands there, changed a little.
        """
        row = dict(self._chance.choice(rows))
        other = self._chance.choice(rows)
        name = self._chance.choice(list(columns))
        verb = self._chance.choice(("INSERT", "UPDATE", "DELETE"))
        where = tuple((c, row[c]) for c in columns)
        if verb == "DELETE":
            return Operation(verb, view, (), where)
        if verb == "UPDATE":
            return Operation(verb, view, ((name, other[name]),), where)
        return Operation(verb, view, tuple((row | {name: other[name]}).items()))

    def _value(self, table: PlannedTable, column: PlannedColumn) -> RawValue:
        # SQLite takes NULL into a key that is not declared NOT NULL: no table means that.
        only_there = column.not_null and not column.source.not_null
        if not only_there and self._chance.random() < (_RARELY if column.not_null else _AT_TIMES):
            return None
        values = self._pool.of(table, column)
        return self._chance.choice(values) if values else None

    def _free_key(self, table: PlannedTable, rows: Sequence[Row]) -> dict[str, RawValue]:
        if table.identity is None:
            return {}
        name = table.identity.source.name
        used = [int(row[name] or 0) for row in rows]
        return {name: max(used, default=0) + self._chance.randint(1, 5)}

    def _another(self, table: PlannedTable, rows: Sequence[Row]) -> Operation:
        """A row like one that is there, with a key of its own and a column or two changed."""
        like = self._chance.choice(rows)
        row = {c.source.name: like[c.source.name] for c in table.written}
        row |= self._free_key(table, rows) | self._other_uniques(table, row) | self._some(table)
        return Operation("INSERT", table.source.name, tuple(row.items()))

    def _other_uniques(self, table: PlannedTable, row: Row) -> dict[str, RawValue]:
        """Give texts that must be unique an ending, but not always."""
        unique = _unique_columns(table)
        texts = {
            c.source.name
            for c in table.written
            if c.type.kind is Kind.TEXT and c.source.affinity in _TEXTUAL
        }
        ending = str(self._chance.randrange(10, 100))
        return {
            name: value + ending
            for name, value in row.items()
            if name in unique & texts
            and isinstance(value, str)
            and self._chance.random() > _AT_TIMES
        }

    def any_row(self, table: PlannedTable, rows: Sequence[Row]) -> Operation:
        """
        Make an insert of any values.

        Args:
            table: The table.
            rows: What is in it now.

        Returns:
            The operation.
        """
        row = {c.source.name: self._value(table, c) for c in table.written}
        row |= self._free_key(table, rows)
        return Operation("INSERT", table.source.name, tuple(row.items()))

    def _few(self, table: PlannedTable, rows: Sequence[Row]) -> Operation:
        """A row of which only a few columns are said: the others take their defaults."""
        keyed = {*table.source.primary_key}.union(
            *(index.columns for index in table.source.indexes if index.unique)
        )
        said = [
            c
            for c in table.written
            if (c.not_null and c.default is None and not c.identity)
            or (c.source.name in keyed and _BY_CHANCE.search(c.source.default or ""))
        ]
        row = {c.source.name: self._value(table, c) for c in said}
        if self._chance.random() < _HALF:
            row |= self._free_key(table, rows)
        return Operation("INSERT", table.source.name, tuple(row.items()))

    def _some(self, table: PlannedTable) -> dict[str, RawValue]:
        columns = [c for c in table.written if not c.identity]
        chosen = self._chance.sample(columns, min(len(columns), self._chance.choice((0, 1, 1, 2))))
        return {c.source.name: self._value(table, c) for c in chosen}

    def _changed(self, table: PlannedTable, rows: Sequence[Row]) -> Operation:
        values = self._some(table) or self._some(table)
        if not values:
            return self._gone(table, rows)
        where = self.where(table, self._chance.choice(rows))
        if self._chance.random() < _AT_TIMES:
            where = ()
        return Operation("UPDATE", table.source.name, tuple(values.items()), where)

    def _gone(self, table: PlannedTable, rows: Sequence[Row]) -> Operation:
        row = self._chance.choice(rows)
        return Operation("DELETE", table.source.name, (), self.where(table, row))

    def _key(self, table: PlannedTable, rows: Sequence[Row]) -> Operation:
        """Another key for a row: one that is free, or one that is taken."""
        key = table.source.primary_key
        if not key:
            return self._changed(table, rows)
        row, other = self._chance.choice(rows), self._chance.choice(rows)
        values = {key[0]: other[key[0]]}
        if self._chance.random() < _HALF:
            values |= self._free_key(table, rows)
        return Operation("UPDATE", table.source.name, tuple(values.items()), self.where(table, row))

    @staticmethod
    def where(table: PlannedTable, row: Row) -> tuple[tuple[str, RawValue], ...]:
        """
        Name a row.

        Args:
            table: Its table.
            row: The row.

        Returns:
            Its key and what that is; all its values where there is no key.
        """
        key = table.source.primary_key
        if not key or any(row[name] is None for name in key):
            key = tuple(column.source.name for column in table.columns)
        return tuple((name, row[name]) for name in key)
