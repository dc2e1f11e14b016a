"""A few rows of every table, and the rows that they refer to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.schema.identifiers import quoted

if TYPE_CHECKING:
    import sqlite3

    from pytest_deploy.schema.kinds import RawValue
    from pytest_deploy.schema.model import ForeignKey, Table
    from pytest_deploy.schema.plan import SchemaPlan
    from pytest_deploy.transfer.rows import Transfer

    Row = dict[str, RawValue]
    Identity = tuple[RawValue, ...]

ROWS_PER_TABLE = 12


def subset_of(plan: SchemaPlan, transfer: Transfer) -> dict[str, list[Row]]:
    """
    Choose rows.

    Args:
        plan: The plan.
        transfer: Knows the snapshot, and what stays behind.

    Returns:
        Rows as they go over, by the table's name in the source.
    """
    return _Subset(plan, transfer).chosen()


class _Subset:
    def __init__(self, plan: SchemaPlan, transfer: Transfer) -> None:
        self._plan = plan
        self._left_out = transfer.exclusions
        self._source: sqlite3.Connection = transfer.open_source()
        self._rows: dict[str, dict[Identity, Row]] = {t.source.name: {} for t in plan.tables}

    def chosen(self) -> dict[str, list[Row]]:
        for table in self._plan.tables:
            self._add(table.source, f"ORDER BY {_order(table.source)} LIMIT {ROWS_PER_TABLE}", ())
        grew = True
        while grew:
            before = sum(map(len, self._rows.values()))
            for table in self._plan.tables:
                for key in table.foreign_keys:
                    self._add_parents(table.source, key.source)
            grew = sum(map(len, self._rows.values())) > before
        return {name: list(rows.values()) for name, rows in self._rows.items()}

    def _add(self, table: Table, rest: str, values: Identity) -> None:
        names = [column.name for column in table.columns]
        cells = [self._left_out.cell(table, name) for name in names]
        identity = [f"s.{quoted(name)}" for name in table.identity]
        rows = self._source.execute(
            f"SELECT {', '.join(identity + cells)} FROM {self._left_out.source_of(table)} {rest}",
            values,
        )
        width = len(identity)
        for row in rows:
            self._rows[table.name][row[:width]] = dict(zip(names, row[width:], strict=True))

    def _add_parents(self, child: Table, key: ForeignKey) -> None:
        parent = self._plan.source.table(key.parent)
        same = " AND ".join(f"s.{quoted(name)} = ?" for name in key.parent_columns)
        wanted = {
            tuple(row[name] for name in key.columns)
            for row in self._rows[child.name].values()
            if None not in [row[name] for name in key.columns]
        }
        for values in wanted:
            self._add(parent, f"AND {same}", values)


def _order(table: Table) -> str:
    return ", ".join(f"s.{quoted(name)}" for name in table.identity)
