"""Compares what views show: the same rows, whatever their order."""

from __future__ import annotations

import math
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pytest_deploy.behaviour.values import of_source, of_target
from pytest_deploy.schema.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence
    from datetime import tzinfo

    from pytest_deploy.schema.kinds import RawValue
    from pytest_deploy.schema.plan import PlannedView, ViewColumn

    Form = tuple[Hashable, ...]

_INEXACT = frozenset({Kind.DOUBLE, Kind.NUMERIC})
_TOLERANCE = 1e-9


def view_differs(
    view: PlannedView,
    here: Iterable[Sequence[RawValue]],
    there: Iterable[Sequence[Any]],
    zone: tzinfo,
) -> str:
    """
    Compare the rows of a view.

    Args:
        view: The view.
        here: Its rows in SQLite.
        there: Its rows in Postgres.
        zone: The zone of dates that name none.

    Returns:
        Empty where they are the same; else what differs, without values.
    """
    columns = view.columns
    mine = [_form(row, columns, zone) for row in here]
    theirs = [
        tuple(_loose(of_target(v, zone), c) for v, c in zip(row, columns, strict=True))
        for row in there
    ]
    if len(mine) != len(theirs):
        return f"{len(mine):,} rows in SQLite, {len(theirs):,} in Postgres"
    if Counter(mine) == Counter(theirs):
        return ""
    return _differing(columns, mine, theirs)


def _form(row: Sequence[RawValue], columns: Sequence[ViewColumn], zone: tzinfo) -> Form:
    pairs = zip(row, columns, strict=True)
    return tuple(_here(value, column, zone) for value, column in pairs)


def _here(value: RawValue, column: ViewColumn, zone: tzinfo) -> Hashable:
    return _loose(of_source(value, column.type.kind, zone), column)


def _loose(value: Hashable, column: ViewColumn) -> Hashable:
    """Give computed values a form in which the order of adding up or joining does not matter."""
    if isinstance(value, bool):
        return int(value)
    if column.computed and isinstance(value, float | Decimal | int):
        return float(f"{float(value):.10g}")
    if column.computed and isinstance(value, str):
        return "".join(sorted(value))
    return value


def _differing(columns: Sequence[ViewColumn], mine: list[Form], theirs: list[Form]) -> str:
    """Compare row by row, reals within their last digits."""
    exact = [n for n, column in enumerate(columns) if not _is_inexact(column)]
    mine.sort(key=lambda row: _key(row, exact))
    theirs.sort(key=lambda row: _key(row, exact))
    names = {
        column.name
        for one, other in zip(mine, theirs, strict=True)
        for column, left, right in zip(columns, one, other, strict=True)
        if not _same(left, right)
    }
    return f"columns {', '.join(sorted(names))}" if names else ""


def _is_inexact(column: ViewColumn) -> bool:
    return column.computed and column.type.kind in _INEXACT


def _key(row: Form, exact: list[int]) -> tuple[str, ...]:
    first = [repr(row[n]) for n in exact]
    return (*first, *(f"{v:.6g}" if isinstance(v, float) else repr(v) for v in row))


def _same(left: Hashable, right: Hashable) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
    return left == right
