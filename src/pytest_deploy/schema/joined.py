"""Columns that a foreign key joins get types that Postgres can join."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_deploy.schema.declared_types import declared_kind
from pytest_deploy.schema.kinds import Kind, TargetType

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_deploy.schema.model import Column, SourceSchema
    from pytest_deploy.schema.types import TypeChoice

    Choices = dict[str, dict[str, TypeChoice]]
    Place = tuple[str, str]  # a table and a column

_TEXT = TargetType(Kind.TEXT)


def alike(choices: Mapping[str, Mapping[str, TypeChoice]], schema: SourceSchema) -> Choices:
    """
    Give columns that a foreign key joins one type, where the values of both allow it.

    A column whose declaration promises nothing follows the other one: `INTEGER_OR_TEXT` that
    happens to hold integers, an untyped column without a value. UUID is given up where the other
    side has none.

    Args:
        choices: The type of each column, by table.
        schema: What the source declares.

    Returns:
        The choices; those that cannot be brought together are as they were.
    """
    made = {name: dict(of_table) for name, of_table in choices.items()}
    pairs = list(_pairs(schema))
    for _ in range(len(pairs) + 1):
        changed = False
        for child, above in pairs:
            changed |= _settle(made, schema, child, above)
            changed |= _settle(made, schema, above, child)
        if not changed:
            break
    return made


def _pairs(schema: SourceSchema) -> Iterator[tuple[Place, Place]]:
    columns = {(t.name, c.name) for t in schema.tables for c in t.columns}
    for table in schema.tables:
        for key in table.foreign_keys:
            for child, above in zip(key.columns, key.parent_columns, strict=False):
                pair = ((table.name, child), (key.parent, above))
                if columns.issuperset(pair):
                    yield pair


def _settle(made: Choices, schema: SourceSchema, one: Place, other: Place) -> bool:
    """Let a column follow the one that it is joined to; tell whether it did."""
    mine, theirs = made[one[0]][one[1]], made[other[0]][other[1]]
    table = schema.table(one[0])
    is_fixed = mine.fixed or one[1] == table.rowid_column
    if is_fixed or mine.target.kind is theirs.target.kind:
        return False
    column, above = table.column(one[1]), schema.table(other[0]).column(other[1])
    followed = _followed(mine, theirs, column, above)
    if followed is None:
        return False
    made[one[0]][one[1]] = followed
    return True


def _followed(
    mine: TypeChoice, theirs: TypeChoice, column: Column, above: Column
) -> TypeChoice | None:
    kind, wanted = mine.target.kind, theirs.target.kind
    if kind is Kind.UUID:
        return replace(mine, target=_TEXT, notes=("kept_as_text",))
    promised = declared_kind(column.declared)
    free = promised is None or promised is declared_kind(above.declared)
    if mine.empty and promised is None and wanted in (Kind.BIGINT, Kind.TEXT):
        return replace(mine, target=theirs.target)
    if not mine.empty and mine.stored != "integer":
        return None
    if wanted is Kind.TEXT and kind is Kind.BIGINT and free:
        return replace(mine, target=_TEXT, mixed=True, suspect=False)
    if wanted is Kind.BIGINT and kind is Kind.NUMERIC:
        return replace(mine, target=theirs.target, suspect=False)
    return None
