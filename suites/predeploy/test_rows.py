"""Is every row and every cell there."""

from pytest_deploy.gates.cells import cells_are_equal
from pytest_deploy.gates.rows import quarantine_is_whole, row_counts_agree


def test_row_counts_agree(gate, row_counts):
    """Each table has as many rows as the source, less those in quarantine."""
    gate.judge(row_counts_agree(row_counts))


def test_quarantine_is_whole(gate, prepared, rows_copied):
    """What stayed behind is in quarantine, byte by byte as the source holds it."""
    gate.judge(quarantine_is_whole(prepared))


def test_every_cell_matches(gate, cells_compared):
    """Every cell of every row is the same on both sides."""
    gate.judge(cells_are_equal(cells_compared))
