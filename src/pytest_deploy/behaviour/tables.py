"""The rows of a table on both sides, in a form in which they can be compared."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from pytest_deploy.behaviour.values import of_source, of_target
from pytest_deploy.schema.tokens import tokens

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence
    from datetime import tzinfo

    from pytest_deploy.behaviour.postgres_side import PostgresSide
    from pytest_deploy.behaviour.sqlite_side import SqliteSide
    from pytest_deploy.schema.plan import PlannedColumn, PlannedTable

# Each side has a clock of its own: `now` is told apart by its value, `now` and 30 days is not.
_UNLIKE = re.compile(r"(?i)random|uuid|'now'\s*,|,\s*'now'")
_MOVES = re.compile(r"(?i)random|uuid|'now'|current_|(?:date|time|day|epoch)\s*\(")


class BothSides:
    """
    Reads tables on both sides.

    Args:
        sqlite: SQLite's side.
        postgres: Postgres' side.
        zone: The zone of dates that name none.
    """

    def __init__(self, sqlite: SqliteSide, postgres: PostgresSide, zone: tzinfo) -> None:
        self._sqlite, self._postgres, self._zone = sqlite, postgres, zone

    def different(self, table: PlannedTable, *, without_key: bool = False) -> str:
        """
        Compare the rows of a table.

        Args:
            table: The table.
            without_key: Whether the keys that it assigns are left out of account.

        Returns:
            Empty where they are the same; else what is not, without values.
        """
        here, there = Counter(self._here(table)), Counter(self._there(table))
        columns = table.columns
        if without_key:
            key = next(n for n, column in enumerate(columns) if column.identity)
            columns = columns[:key] + columns[key + 1 :]
            here = Counter(row[:key] + row[key + 1 :] for row in here.elements())
            there = Counter(row[:key] + row[key + 1 :] for row in there.elements())
        return "" if here == there else _columns_that_differ(columns, here, there)

    def _here(self, table: PlannedTable) -> Iterable[tuple[Hashable, ...]]:
        masks = by_chance(table)
        for row in self._sqlite.rows(table):
            yield tuple(
                _masked(of_source(row[c.source.name], c.type.kind, self._zone), masks[n])
                for n, c in enumerate(table.columns)
            )

    def _there(self, table: PlannedTable) -> Iterable[tuple[Hashable, ...]]:
        masks = by_chance(table)
        for row in self._postgres.rows(table):
            yield tuple(
                _masked(of_target(value, self._zone), masks[n]) for n, value in enumerate(row)
            )


def by_chance(table: PlannedTable) -> list[bool]:
    """
    Tell which columns are filled by chance, with what a clock will say another day, or from these.

    Args:
        table: The table.

    Returns:
        One answer for each of its columns.
    """
    moving = _moving(table)
    return [
        _UNLIKE.search(c.source.default or "") is not None
        or (c.source.generated is not None and c.source.name.lower() in moving)
        for c in table.columns
    ]


def _moving(table: PlannedTable) -> set[str]:
    """Name the columns that clocks or chance fill, and those that are computed from them."""
    moving = {c.source.name.lower() for c in table.columns if _MOVES.search(c.source.default or "")}
    named = {
        c.source.name.lower(): {token.name.lower() for token in tokens(c.source.formula)}
        for c in table.columns
        if c.source.formula
    }
    for _ in named:  # a formula may name a column whose own formula stands behind it
        moving |= {name for name, names in named.items() if moving & names}
    return moving


def _masked(value: Hashable, mask: bool) -> Hashable:
    if not mask or value is None:
        return value
    return (type(value).__name__, len(value) if isinstance(value, str | bytes) else 0)


def _columns_that_differ(
    columns: Sequence[PlannedColumn],
    here: Mapping[tuple[Hashable, ...], int],
    there: Mapping[tuple[Hashable, ...], int],
) -> str:
    """Name the columns, where there are as many rows on both sides."""
    only_here = sorted(set(here) - set(there), key=repr)
    only_there = sorted(set(there) - set(here), key=repr)
    if sum(here.values()) != sum(there.values()):
        return f"{sum(here.values())} rows in SQLite, {sum(there.values())} in Postgres"
    names = {
        column.source.name
        for one, other in zip(only_here, only_there, strict=False)
        for column, mine, theirs in zip(columns, one, other, strict=True)
        if mine != theirs
    }
    return "columns " + ", ".join(sorted(names))
