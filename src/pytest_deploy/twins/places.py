"""Where a defect can be planted: a cell, a row, a column of the target that has what it needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.twins.twin import NotApplicable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import psycopg

    from pytest_deploy.schema.kinds import Kind
    from pytest_deploy.schema.plan import PlannedColumn, PlannedTable, SchemaPlan
    from pytest_deploy.transfer.planning import Prepared


@dataclass(frozen=True)
class Row:
    """
    One row of the target.

    Args:
        table: Its table.
        relation: The table's name in SQL.
        place: Where Postgres keeps it.
    """

    table: PlannedTable
    relation: str
    place: str


@dataclass(frozen=True)
class Cell:
    """
    One cell of the target.

    Args:
        row: Its row.
        column: Its column.
    """

    row: Row
    column: PlannedColumn

    @property
    def name(self) -> str:
        """The column's name in SQL."""
        return quoted(self.column.name)

    def change(self, connection: psycopg.Connection, expression: str, *values: object) -> None:
        """
        Write another value into it.

        Args:
            connection: To the target.
            expression: What stands there afterwards, in SQL.
            values: Of its parameters.
        """
        connection.execute(
            f"UPDATE {self.row.relation} SET {self.name} = {expression} WHERE ctid = %s::tid",
            (*values, self.row.place),
        )


def first_cell(
    connection: psycopg.Connection,
    prepared: Prepared,
    kinds: Iterable[Kind],
    condition: str,
    what: str,
    *,
    nullable: bool = False,
) -> Cell:
    """
    Look for a cell; one that no key, reference or check depends on comes first.

    Args:
        connection: To the target.
        prepared: The plan and the target.
        kinds: The kinds of the column.
        condition: What must hold for the cell, in SQL, with `{}` for the column.
        what: What is looked for, in words.
        nullable: Whether the column must take NULL.

    Returns:
        The cell.

    Raises:
        NotApplicable: There is none.
    """
    wanted = frozenset(kinds)
    for table, column in by_freedom(prepared.plan):
        if column.type.kind not in wanted or (nullable and column.not_null):
            continue
        relation = prepared.transfer.relation(table)
        where = condition.format(quoted(column.name))
        row = connection.execute(f"SELECT ctid::text FROM {relation} WHERE {where} LIMIT 1")
        if found := row.fetchone():
            return Cell(Row(table, relation, str(found[0])), column)
    raise NotApplicable(f"the source has no {what}")


def by_freedom(plan: SchemaPlan) -> list[tuple[PlannedTable, PlannedColumn]]:
    """
    List the columns that rows are written to, those that nothing depends on first.

    Args:
        plan: The plan.

    Returns:
        Tables and columns.
    """
    pairs = [
        (table, column)
        for table in plan.tables
        for column in table.written
        if column.name not in _keys(plan, table)
    ]
    return sorted(pairs, key=lambda pair: _is_bound(*pair))


def _keys(plan: SchemaPlan, table: PlannedTable) -> set[str]:
    keys = set(table.primary_key.columns if table.primary_key else ())
    keys |= {name for foreign in table.foreign_keys for name in foreign.columns}
    return keys | {
        name
        for other in plan.tables
        for foreign in other.foreign_keys
        if foreign.parent == table.name
        for name in foreign.parent_columns
    }


def _is_bound(table: PlannedTable, column: PlannedColumn) -> bool:
    """Tell whether another value may be refused by a check or a unique key."""
    unique = {name for key in table.uniques for name in key.columns}
    unique |= {term.column for index in table.indexes if index.unique for term in index.terms}
    checked = any(quoted(column.name) in check.expression for check in table.checks)
    return checked or column.name in unique


def first_row(
    connection: psycopg.Connection,
    prepared: Prepared,
    suits: Callable[[PlannedTable], bool] = lambda _: True,
    *,
    rows: int = 1,
) -> Row:
    """
    Look for a row; one of a table that no other refers to comes first.

    Args:
        connection: To the target.
        prepared: The plan and the target.
        suits: Whether a table will do.
        rows: How many rows the table must have.

    Returns:
        The row.

    Raises:
        NotApplicable: There is none.
    """
    for table in leaves_first(prepared.plan):
        if not suits(table):
            continue
        relation = prepared.transfer.relation(table)
        found = connection.execute(
            f"SELECT ctid::text FROM {relation} ORDER BY ctid OFFSET {rows - 1} LIMIT 1"
        ).fetchone()
        if found:
            return Row(table, relation, str(found[0]))
    raise NotApplicable("no table of the source has such a row")


def leaves_first(plan: SchemaPlan) -> list[PlannedTable]:
    """
    Order tables: those that no other refers to come first.

    Args:
        plan: The plan.

    Returns:
        All tables.
    """
    parents = {foreign.parent for table in plan.tables for foreign in table.foreign_keys}
    return sorted(plan.tables, key=lambda table: table.name in parents)
