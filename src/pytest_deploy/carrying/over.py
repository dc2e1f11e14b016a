"""Carries rows that people wrote to a release over into the former tables, all of them or none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_deploy.audit.log import note
from pytest_deploy.providers.postgres.lease import changing
from pytest_deploy.schema.backwards import NoWayBackError, backwards
from pytest_deploy.schema.identifiers import literal, quoted, quoted_list
from pytest_deploy.schema.kinds import Kind
from pytest_deploy.transfer.keys import key_of, shown_key
from pytest_deploy.transfer.refusals import transfer_error
from pytest_deploy.transfer.row_changes import row_changes

if TYPE_CHECKING:
    from datetime import tzinfo

    import psycopg

    from pytest_deploy.carrying.back import Baseline
    from pytest_deploy.providers.postgres.base import Target
    from pytest_deploy.schema.kinds import RawValue
    from pytest_deploy.schema.plan import PlannedColumn, PlannedTable
    from pytest_deploy.transfer.row_changes import RowChange

_TRIGGERS = """
SELECT tgname FROM pg_trigger
WHERE tgrelid = %s::regclass AND NOT tgisinternal AND tgenabled = 'O' ORDER BY 1
"""
_PLACE = "\0"  # of a parameter: no name has one
_COLUMNS = """
SELECT attname FROM pg_attribute
WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped
"""


@dataclass(frozen=True)
class CarriedOver:
    """
    What became of the rows that people wrote to a release that was taken back.

    Args:
        examined: Rows that were written since.
        carried: How many of them stand in the former tables: all, or none.
        kept_in: The schema that keeps them, too.
        problems: Why none does; rows are named by their keys.
    """

    examined: int
    carried: int
    kept_in: str
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Written:
    table: PlannedTable
    changes: tuple[RowChange, ...]


class _ConflictError(Exception):
    """Nothing is carried over; what is in the way was noted."""


def carry_over(base: Baseline, target: Target, kept_in: str, schema: str) -> CarriedOver:
    """
    Write into the former tables what people wrote to those of a release since it was deployed.

    Args:
        base: What was deployed.
        target: Where the release was taken back.
        kept_in: The schema that keeps its tables.
        schema: The schema of the former tables.

    Returns:
        What was carried over.

    Raises:
        TransferError: The tables cannot be read.
        LeaseLostError: It is somebody else's turn.
    """
    import psycopg

    transfer = replace(
        base.prepared.transfer,
        snapshot=base.adaptation.snapshot.for_workers,
        target=target,
        schema=kept_in,
    )
    tables = _parents_first(base.prepared.plan.tables)
    written = [_Written(table, tuple(row_changes(transfer, table))) for table in tables]
    written = [one for one in written if one.changes]
    examined = sum(len(one.changes) for one in written)
    problems: list[str] = []
    try:
        with changing(target) as connection:
            _Over(connection, kept_in, schema, transfer.zone, problems).write(written)
    except _ConflictError:
        return CarriedOver(examined, 0, kept_in, tuple(problems))
    except psycopg.Error as error:
        raise transfer_error("carrying rows over", error) from None
    return CarriedOver(examined, examined, kept_in)


class _Over:
    """
    Writes to former tables, in one transaction.

    Args:
        connection: In its transaction.
        kept_in: The schema that keeps the release's tables.
        schema: The schema of the former ones.
        zone: The zone of dates that name none.
        problems: Takes what is in the way.
    """

    def __init__(
        self,
        connection: psycopg.Connection,
        kept_in: str,
        schema: str,
        zone: tzinfo,
        problems: list[str],
    ) -> None:
        self._connection, self._kept_in, self._schema = connection, kept_in, schema
        self._zone, self._problems = zone, problems
        connection.execute(f"SET LOCAL TimeZone = {literal(str(zone))}".encode())

    def write(self, written: list[_Written]) -> None:
        """Write rows that went, changed and came; parents last and first."""
        ready = [one for one in written if self._is_fit(one)]
        self._stop_at_conflicts()
        triggers = [(one.table, name) for one in ready for name in self._triggers(one.table)]
        for table, name in triggers:
            self._alter(table, f"DISABLE TRIGGER {quoted(name)}")
        for one in reversed(ready):
            self._each(one, [change for change in one.changes if change.after is None])
        for one in ready:
            self._each(one, [c for c in one.changes if c.before is not None and c.after])
            self._each(one, [change for change in one.changes if change.before is None])
            self._count_on(one.table)
            note("database", "carry over", one.table.name, f"{len(one.changes)} rows")
        for table, name in triggers:
            self._alter(table, f"ENABLE TRIGGER {quoted(name)}")
        self._stop_at_conflicts()

    def _stop_at_conflicts(self) -> None:
        if self._problems:
            raise _ConflictError

    def _is_fit(self, one: _Written) -> bool:
        name, count = one.table.name, len(one.changes)
        rows = self._connection.execute(_COLUMNS, (self._relation(self._schema, one.table),))
        missing = {column.name for column in one.table.columns} - {row[0] for row in rows}
        if missing:
            self._problems.append(f"{name}: {count:,} rows, and no former table that takes them")
        elif not key_of(one.table):
            self._problems.append(f"{name}: {count:,} rows without a key that would tell them")
        else:
            return True
        return False

    def _triggers(self, table: PlannedTable) -> list[str]:
        """What the app's own rules did to these rows is in them already."""
        rows = self._connection.execute(_TRIGGERS, (self._relation(self._schema, table),))
        return [str(row[0]) for row in rows.fetchall()]

    def _each(self, one: _Written, changes: list[RowChange]) -> None:
        import psycopg

        for change in changes:
            try:
                key, shown = self._key(one.table, change)
            except NoWayBackError:
                self._problems.append(f"{one.table.name}: a row whose key cannot be asked for")
                continue
            try:
                with self._connection.transaction():
                    done = self._connection.execute(self._statement(one.table, change), key)
            except psycopg.IntegrityError as error:
                kind = type(error).__name__
                self._problems.append(f"{one.table.name} at {shown}: the former table has {kind}")
            else:
                if done.rowcount != 1:
                    self._problems.append(f"{one.table.name} at {shown}: no such former row")

    def _statement(self, table: PlannedTable, change: RowChange) -> bytes:
        former, kept = (self._relation(one, table) for one in (self._schema, self._kept_in))
        key = [table.columns[n] for n in key_of(table)]
        if change.after is None:
            sql = f"DELETE FROM {former} AS f WHERE {_asked('f', key)}"
        elif change.before is None:
            names = quoted_list(tuple(c.name for c in table.columns if c.generated is None))
            sql = (
                f"INSERT INTO {former} ({names}) OVERRIDING SYSTEM VALUE"
                f" SELECT {names} FROM {kept} AS k WHERE {_asked('k', key)}"
            )
        else:
            differing = [table.columns[n] for n in change.differing]
            told = ", ".join(
                f"{quoted(c.name)} = k.{quoted(c.name)}" for c in differing if c.generated is None
            )
            same = " AND ".join(f"f.{quoted(c.name)} = k.{quoted(c.name)}" for c in key)
            sql = (
                f"UPDATE {former} AS f SET {told} FROM {kept} AS k"
                f" WHERE {same} AND {_asked('k', key)}"
            )
        # A name may have a % of its own.
        return sql.replace("%", "%%").replace(_PLACE, "%s").encode()

    def _key(self, table: PlannedTable, change: RowChange) -> tuple[list[RawValue], str]:
        columns = [table.columns[n] for n in key_of(table)]
        values = [self._value(change, n, table.columns[n]) for n in key_of(table)]
        return values, shown_key(tuple(c.name for c in columns), values)

    def _value(self, change: RowChange, position: int, column: PlannedColumn) -> RawValue:
        """Give a value of a key as Postgres reads it."""
        if change.before is None:
            assert change.after is not None
            return backwards(change.after[position], column, self._zone)
        value = change.before[position]
        is_text = isinstance(value, bytes) and column.type.kind is not Kind.BYTEA
        return value.decode() if is_text and isinstance(value, bytes) else value

    def _count_on(self, table: PlannedTable) -> None:
        """Let the next row get a key behind the last one."""
        if table.identity is None:
            return
        name, column = self._relation(self._schema, table), table.identity.name
        row = self._connection.execute(
            f"SELECT pg_get_serial_sequence({literal(name)}, {literal(column)}),"
            f" (SELECT max({quoted(column)}) FROM {name})".encode()
        ).fetchone()
        sequence, largest = row or (None, None)
        if sequence is None or largest is None:
            return
        row = self._connection.execute(f"SELECT last_value FROM {sequence}".encode()).fetchone()
        if row is not None and largest >= row[0]:
            # By itself, setval would outlive a transaction that is rolled back.
            self._connection.execute(f"ALTER SEQUENCE {sequence} RESTART {largest + 1}".encode())

    def _alter(self, table: PlannedTable, how: str) -> None:
        name = self._relation(self._schema, table)
        self._connection.execute(f"ALTER TABLE {name} {how}".encode())

    @staticmethod
    def _relation(schema: str, table: PlannedTable) -> str:
        return f"{quoted(schema)}.{quoted(table.name)}"


def _asked(alias: str, key: list[PlannedColumn]) -> str:
    return " AND ".join(f"{alias}.{quoted(c.name)} = {_PLACE}::{c.type.sql}" for c in key)


def _parents_first(tables: tuple[PlannedTable, ...]) -> tuple[PlannedTable, ...]:
    by_name = {table.name: table for table in tables}
    done: dict[str, PlannedTable] = {}
    begun: set[str] = set()

    def visit(table: PlannedTable) -> None:
        if table.name in begun:
            return
        begun.add(table.name)
        for key in table.foreign_keys:
            if key.parent in by_name:
                visit(by_name[key.parent])
        done[table.name] = table

    for table in tables:
        visit(table)
    return tuple(done.values())
