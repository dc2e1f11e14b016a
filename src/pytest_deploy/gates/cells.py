"""Is every cell the same on both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.gates.verdict import Verdict

if TYPE_CHECKING:
    from pytest_deploy.transfer.differences import Comparison


def cells_are_equal(comparisons: tuple[Comparison, ...]) -> Verdict:
    """
    Judge the cell-by-cell proof.

    Args:
        comparisons: One for each table.

    Returns:
        One problem for each difference that was kept; values appear as fingerprints only.
    """
    return Verdict(
        examined=sum(c.cells_compared for c in comparisons),
        unit="cells",
        problems=tuple(
            f"{c.table}{'.' + d.column if d.column else ''} at {d.key}:"
            f" source {d.source}, target {d.target}"
            for c in comparisons
            for d in c.differences
        ),
        measured={"cells_different": sum(c.cells_different for c in comparisons)},
    )
