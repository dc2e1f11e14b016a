"""Reads the rows of a piece as raw values, a batch at a time, by columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.schema.kinds import Kind
from pytest_deploy.schema.profile import batches
from pytest_deploy.transfer.connections import raw_source

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_deploy.schema.kinds import RawValue
    from pytest_deploy.schema.plan import PlannedColumn
    from pytest_deploy.transfer.rows import Work

Columns: TypeAlias = "Sequence[Sequence[RawValue]]"

_TEXTS = (Kind.DATE, Kind.TIMESTAMPTZ, Kind.UUID, Kind.JSON)
_NUMBERS = ("integer", "real")
_GUARDS = {Kind.BYTEA: "blob", **dict.fromkeys(_TEXTS, "text")}


def read_columns(work: Work) -> Iterator[Columns]:
    """
    Read the rows of a piece as they go over, a batch at a time.

    Args:
        work: The piece.

    Yields:
        Raw values by planned column, texts as bytes, in the order of the key.
    """
    table, left_out = work.table, work.transfer.exclusions
    computes = any(column.source.generated == "virtual" for column in table.columns)
    source = raw_source(work.transfer.snapshot, left_out, computes=computes)
    values = ", ".join(
        _read(left_out.cell(table.source, column.source.name), column, casts=source.casts)
        for column in table.columns
    )
    within, bounds = work.piece.condition("s")
    order = ", ".join(f"s.{quoted(name)}" for name in table.source.identity)
    rows = source.rows(
        f"SELECT {values} FROM {left_out.source_of(table.source)} AND {within} ORDER BY {order}",
        bounds,
    )
    for batch in batches(rows):
        yield list(zip(*batch, strict=True))


def _read(cell: str, column: PlannedColumn, *, casts: bool) -> str:
    """Write how a cell is read, so that neither its class nor its bytes are lost."""
    kind = column.type.kind
    wanted = _GUARDS.get(kind)
    as_bytes = f"CAST({cell} AS BLOB)" if casts else cell
    if wanted is None:
        if not casts or (kind is not Kind.TEXT and column.stored in _NUMBERS):
            return cell
        # A number stays one: as SQLite writes it, it may read back as another.
        return f"CASE WHEN typeof({cell}) = 'text' THEN {as_bytes} ELSE {cell} END"
    read = as_bytes if wanted == "text" else cell
    if wanted == column.stored:
        return read
    # A number stands for what is of the wrong class: as bytes, texts and blobs look the same.
    return f"CASE WHEN typeof({cell}) IN ('{wanted}', 'null') THEN {read} ELSE 0 END"
