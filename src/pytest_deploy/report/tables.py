"""The rows and cells of each table, as the report tells them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_deploy.gates.rows import RowCount
    from pytest_deploy.transfer.differences import Comparison
    from pytest_deploy.transfer.exclusions import Exclusions


@dataclass(frozen=True)
class TableResult:
    """
    One table.

    Args:
        name: Its name in the source.
        rows_source: Rows in the snapshot.
        rows_target: Rows in Postgres.
        rows_quarantined: Rows that stayed behind whole.
        cells_quarantined: Cells of other rows that stayed behind.
        cells_compared: Cells compared with the source; None where none were.
        cells_different: Cells that are not the same; None where none were compared.
    """

    name: str
    rows_source: int
    rows_target: int
    rows_quarantined: int
    cells_quarantined: int = 0
    cells_compared: int | None = None
    cells_different: int | None = None


def table_results(
    counts: tuple[RowCount, ...],
    comparisons: tuple[Comparison, ...],
    exclusions: Exclusions,
) -> tuple[TableResult, ...]:
    """
    Bring counts and comparisons of the same tables together.

    Args:
        counts: Rows, by table.
        comparisons: Cells, by table; none where they were not compared.
        exclusions: What stayed behind.

    Returns:
        One result for each table that was counted.
    """
    compared = {comparison.table: comparison for comparison in comparisons}
    return tuple(
        TableResult(
            count.table,
            count.source,
            count.target,
            count.quarantined,
            exclusions.cells_of(count.table),
            compared[count.table].cells_compared if count.table in compared else None,
            compared[count.table].cells_different if count.table in compared else None,
        )
        for count in counts
    )
