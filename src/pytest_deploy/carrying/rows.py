"""Writes rows that were written on the target into a copy of the app's SQLite."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_deploy.schema.backwards import NoWayBackError, backwards
from pytest_deploy.schema.identifiers import quoted, quoted_list
from pytest_deploy.schema.kinds import Kind
from pytest_deploy.transfer.keys import key_of, shown_key

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import tzinfo

    import apsw

    from pytest_deploy.carrying.references import ReferencesBack
    from pytest_deploy.schema.kinds import RawValue
    from pytest_deploy.schema.plan import PlannedColumn, PlannedTable
    from pytest_deploy.transfer.row_changes import RowChange

_REFUSED = "SQLite refuses the row, by a constraint that the target does not have"


@dataclass(frozen=True)
class RowsBack:
    """
    What was written into one table of the copy.

    Args:
        table: Its name.
        added: Rows that came.
        changed: Rows of which some columns are others.
        removed: Rows that went.
        problems: What could not be written; rows are named by their keys.
    """

    table: str
    added: int = 0
    changed: int = 0
    removed: int = 0
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Statement:
    sql: str
    values: tuple[RawValue, ...]
    row: str


class RowWriterBack:
    """
    Writes the changes of one table.

    Args:
        table: The table.
        zone: The zone of dates that name none.
        references: Knows the uploads; None where the app has none.
        rewritten: The columns, as table and column, that the way forth writes anew.
    """

    def __init__(
        self,
        table: PlannedTable,
        zone: tzinfo,
        references: ReferencesBack | None,
        rewritten: Collection[tuple[str, str]],
    ) -> None:
        self._table, self._zone, self._references = table, zone, references
        self._name = table.source.name
        self._key = key_of(table)
        self._written = tuple(
            n for n, column in enumerate(table.columns) if not column.source.generated
        )
        self._found_by = self._key or tuple(
            n for n in self._written if (self._name, table.columns[n].source.name) not in rewritten
        )

    def write(self, copy: apsw.Connection, changes: Iterable[RowChange]) -> RowsBack:
        """
        Write changes.

        Args:
            copy: The copy, in a transaction, with triggers and foreign keys off.
            changes: From `row_changes`.

        Returns:
            What was written.
        """
        listed = tuple(changes)
        gone = [one for one in listed if one.after is None]
        others = [one for one in listed if one.after is not None and one.before is not None]
        new = [one for one in listed if one.before is None]
        statements: list[_Statement] = []
        problems: list[str] = []
        for make, some in ((self._removal, gone), (self._change, others), (self._addition, new)):
            for one in some:
                try:
                    made = make(one)
                except NoWayBackError as error:
                    problems.append(str(error))
                else:
                    statements += [made] if made is not None else []
        problems += _carried_out(copy, statements)
        return RowsBack(self._name, len(new), len(others), len(gone), tuple(problems))

    def _removal(self, change: RowChange) -> _Statement:
        where, values = self._row(change)
        return _Statement(
            f"DELETE FROM {quoted(self._name)} WHERE {where}", values, self._of(change)
        )

    def _change(self, change: RowChange) -> _Statement | None:
        positions = tuple(n for n in change.differing if n in self._written)
        if not positions:
            return None
        where, values = self._row(change)
        names = [quoted(self._table.columns[n].source.name) for n in positions]
        told = ", ".join(f"{name} = ?" for name in names)
        new = self._values(change, positions)
        sql = f"UPDATE {quoted(self._name)} SET {told} WHERE {where}"
        return _Statement(sql, (*new, *values), self._of(change))

    def _addition(self, change: RowChange) -> _Statement:
        names = quoted_list(tuple(self._table.columns[n].source.name for n in self._written))
        places = ", ".join("?" * len(self._written))
        sql = f"INSERT INTO {quoted(self._name)} ({names}) VALUES ({places})"
        return _Statement(sql, self._values(change, self._written), self._of(change))

    def _row(self, change: RowChange) -> tuple[str, tuple[RawValue, ...]]:
        """Name one row in SQLite: of several that are the same it is any one of them."""
        assert change.before is not None
        columns = [self._table.columns[n] for n in self._found_by]
        values = tuple(
            _plain(change.before[n], column, self._of(change))
            for n, column in zip(self._found_by, columns, strict=True)
        )
        same = " AND ".join(f"{quoted(column.source.name)} IS ?" for column in columns)
        if self._key:
            return same, values
        one = quoted_list(self._table.source.identity)
        return f"({one}) IN (SELECT {one} FROM {quoted(self._name)} WHERE {same} LIMIT 1)", values

    def _values(self, change: RowChange, positions: tuple[int, ...]) -> tuple[RawValue, ...]:
        assert change.after is not None
        return tuple(self._value(change, n) for n in positions)

    def _value(self, change: RowChange, position: int) -> RawValue:
        assert change.after is not None
        column = self._table.columns[position]
        name = f"{self._name}.{column.source.name}"
        try:
            value = backwards(change.after[position], column, self._zone)
        except NoWayBackError:
            told = f"{name} at {self._of(change)}: a value that SQLite has no form for"
            raise NoWayBackError(told) from None
        if isinstance(value, str) and self._references is not None:
            return self._references.back(name, value)
        return value

    def _of(self, change: RowChange) -> str:
        names = tuple(self._table.columns[n].name for n in self._key)
        if change.before is not None:
            return shown_key(names, [change.before[n] for n in self._key]) or "a row without a key"
        assert change.after is not None
        held = [change.after[n] for n in self._key]
        return shown_key(names, held) or "a row without a key"


def _plain(value: RawValue, column: PlannedColumn, row: str) -> RawValue:
    if not isinstance(value, bytes) or column.type.kind is Kind.BYTEA:
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise NoWayBackError(f"{row}: a text that is not UTF-8 names it") from None


def _carried_out(copy: apsw.Connection, statements: list[_Statement]) -> list[str]:
    """Run statements; one that is refused comes again when others have made room for it."""
    import apsw

    problems: list[str] = []
    waiting = statements
    while waiting:
        refused: list[_Statement] = []
        for one in waiting:
            try:
                copy.execute(one.sql, one.values)
            except apsw.ConstraintError:
                refused.append(one)
            else:
                if copy.changes() != 1:
                    problems.append(f"{one.row}: expected one such row in the copy, seen none")
        if len(refused) == len(waiting):
            return [*problems, *(f"{one.row}: {_REFUSED}" for one in refused)]
        waiting = refused
    return problems
