"""Proposes rules from what the source holds, for a person to edit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.schema.kinds import Kind

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from pytest_deploy.schema.model import Check
    from pytest_deploy.schema.plan import PlannedColumn, PlannedTable
    from pytest_deploy.schema.profile import ColumnProfile
    from pytest_deploy.transfer.planning import Prepared

_MOST_IN_A_SET = 10
_ROWS_FOR_EACH = 5  # with fewer rows for each value, the set is hardly closed
_LONGEST_IN_A_SET = 30
_NUMBERS = (Kind.BIGINT, Kind.DOUBLE, Kind.NUMERIC)
_UNCOMPARABLE = (Kind.JSON,)
_EMAIL = "^[^@[:space:]]+@[^@[:space:]]+[.][^@[:space:]]+$"
_AN_EMAIL = re.compile(r"[^@\s]+@[^@\s]+[.][^@\s]+")
_SIZED = re.compile(r"(?i)\s*(?:n?var)?n?char(?:acter)?\s*\(\s*(\d+)\s*\)\s*")
# Values of such columns are not written down, even where nobody has declared them personal.
_MAY_BE_PERSONAL = re.compile(
    r"(?i)name|nombre|apellid|mail|correo|phone|tel|m[oó]vil|address|direcci|street|calle|city"
    r"|ciudad|birth|nacim|dni|nif|iban|passw|contras|secret|token|hash|key|clave|ip$|user|usuario"
)


def draft(prepared: Prepared, table: PlannedTable, personal: frozenset[str]) -> dict[str, Any]:
    """
    Propose the suite of one table.

    Args:
        prepared: The plan, and the source that it is made of.
        table: The table.
        personal: Columns of which no value is written, as `table.column`.

    Returns:
        A suite as GX writes it. It holds on the rows from which it is made.
    """
    drafter = _Drafter(prepared, table, personal)
    name, rows = table.source.name, prepared.source.profiles[table.source.name].rows
    meta: dict[str, Any] = {"table": name, "volume": {"least": 0.9, "most": 2}}
    if not rows:
        meta = {"table": name, "allow_empty": True}
    return {"name": name, "expectations": list(drafter.rules()), "meta": meta, "notes": None}


class _Drafter:
    """
    Looks at one table's columns.

    Args:
        prepared: The plan.
        table: The table.
        personal: Columns of which no value is written.
    """

    def __init__(self, prepared: Prepared, table: PlannedTable, personal: frozenset[str]) -> None:
        self._table, self._personal = table, personal
        self._profile = prepared.source.profiles[table.source.name]
        self._connection = prepared.source.snapshot.connect("surrogateescape")
        # A cell that stays behind leaves a NULL.
        self._whole = not prepared.transfer.exclusions.cells_of(table.source.name)
        self._sets = dict(filter(None, map(_listed, table.source.checks)))
        self._keys = {
            name.lower()
            for key in (table.source.primary_key, *(f.columns for f in table.source.foreign_keys))
            for name in key
        }
        self._unique = {unique.columns[0] for unique in table.uniques if len(unique.columns) == 1}

    def rules(self) -> Iterator[dict[str, Any]]:
        """Propose rules for the table, then for each column that holds something."""
        yield _rule("table_row_count_to_be_between", min_value=min(1, self._profile.rows))
        for column in self._table.columns:
            seen = self._profile.columns.get(column.source.name)
            # GX breaks a name at its line break.
            if seen is not None and seen.values and column.name.isprintable():
                yield from self._of_column(column, seen)

    def _of_column(self, column: PlannedColumn, seen: ColumnProfile) -> Iterator[dict[str, Any]]:
        name, kind = column.name, column.type.kind
        bare = column.source.name
        keyed = bare in self._table.source.primary_key
        if not keyed and (column.not_null or (not seen.classes["null"] and self._whole)):
            yield _rule("column_values_to_not_be_null", column=name)
        if name in self._unique and kind not in _UNCOMPARABLE:
            yield _rule("column_values_to_be_unique", column=name)
        if bare.lower() in self._keys or column.generated is not None:
            return
        if kind in _NUMBERS and self._smallest(column) >= 0:
            yield _rule("column_values_to_be_between", column=name, min_value=0)
        if kind is Kind.TEXT and seen.values == seen.classes["text"] and not seen.unstorable_texts:
            yield from self._of_texts(column, seen)

    def _of_texts(self, column: PlannedColumn, seen: ColumnProfile) -> Iterator[dict[str, Any]]:
        name = column.name
        closed = self._sets.get(column.source.name.lower()) or self._closed(column, seen)
        if closed and self._all(column, closed):
            yield _rule("column_values_to_be_in_set", column=name, value_set=closed)
            return
        sized = _SIZED.fullmatch(column.source.declared)
        if sized and self._longest(column) <= int(sized[1]):
            longest = int(sized[1])
            yield _rule("column_value_lengths_to_be_between", column=name, max_value=longest)
        if "mail" in name.lower() and all(map(_AN_EMAIL.fullmatch, self._values(column))):
            yield _rule("column_values_to_match_regex", column=name, regex=_EMAIL)

    def _closed(self, column: PlannedColumn, seen: ColumnProfile) -> list[str]:
        """Give a small set that the rows use again and again; nothing that may be personal."""
        name = column.source.name
        declared = f"{self._table.source.name}.{name}" in self._personal
        if declared or _MAY_BE_PERSONAL.search(name) or column.name in self._unique:
            return []
        most = min(_MOST_IN_A_SET, seen.values // _ROWS_FOR_EACH)
        found = self._ask(f"SELECT DISTINCT {{}} FROM {{}} LIMIT {most + 1}", column)
        values = sorted(value for (value,) in found if value is not None)
        short = all(len(value) <= _LONGEST_IN_A_SET for value in values)
        return values if short and len(values) <= most else []

    def _all(self, column: PlannedColumn, closed: list[str]) -> bool:
        found = self._ask(f"SELECT DISTINCT {{}} FROM {{}} LIMIT {len(closed) + 2}", column)
        return {value for (value,) in found if value is not None} <= set(closed)

    def _smallest(self, column: PlannedColumn) -> float:
        ((smallest,),) = self._ask("SELECT min({0}) FROM {1} WHERE typeof({0}) <> 'text'", column)
        return smallest if isinstance(smallest, int | float) else -1

    def _longest(self, column: PlannedColumn) -> int:
        ((longest,),) = self._ask("SELECT max(length({})) FROM {}", column)
        return int(longest)

    def _values(self, column: PlannedColumn) -> Iterator[str]:
        return (value for (value,) in self._ask("SELECT {0} FROM {1} WHERE {0} <> ''", column))

    def _ask(self, statement: str, column: PlannedColumn) -> sqlite3.Cursor:
        named = f"main.{quoted(self._table.source.name)}"
        return self._connection.execute(statement.format(quoted(column.source.name), named))


def _listed(check: Check) -> tuple[str, list[str]] | None:
    """Read a closed set from `column IN ('one', 'other')`."""
    import sqlglot
    from sqlglot import exp

    try:
        told = sqlglot.parse_one(check.expression, read="sqlite")
    except sqlglot.errors.SqlglotError:
        return None
    if not isinstance(told, exp.In) or not isinstance(told.this, exp.Column):
        return None
    values = told.expressions
    if not values or not all(isinstance(v, exp.Literal) and v.is_string for v in values):
        return None
    return told.this.name.lower(), [value.this for value in values]


def _rule(kind: str, **kwargs: Any) -> dict[str, Any]:  # noqa: ANN401 - what the expectation asks
    return {"type": f"expect_{kind}", "kwargs": kwargs, "meta": {}, "severity": "critical"}
