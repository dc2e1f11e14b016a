"""The rows and cells of each table, as the report tells them."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_deploy.transfer.rows import digest_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_deploy.gates.rows import RowCount
    from pytest_deploy.transfer.differences import Comparison
    from pytest_deploy.transfer.exclusions import Exclusions
    from pytest_deploy.transfer.rows import Copied


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
        copy_s: How long its pieces took their workers, added up; None where that is not known.
        digest: Of all its raw values as they were read for the copy; None where none rode on it.
    """

    name: str
    rows_source: int
    rows_target: int
    rows_quarantined: int
    cells_quarantined: int = 0
    cells_compared: int | None = None
    cells_different: int | None = None
    copy_s: float | None = None
    digest: str | None = None


def table_results(
    counts: tuple[RowCount, ...],
    comparisons: tuple[Comparison, ...],
    exclusions: Exclusions,
    copied: Iterable[Copied] = (),
) -> tuple[TableResult, ...]:
    """
    Bring counts and comparisons of the same tables together.

    Args:
        counts: Rows, by table.
        comparisons: Cells, by table; none where they were not compared.
        exclusions: What stayed behind.
        copied: The pieces as they were copied, with their times and digests.

    Returns:
        One result for each table that was counted.
    """
    pieces: dict[str, list[Copied]] = defaultdict(list)
    for piece in copied:
        pieces[piece.table].append(piece)
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
            _seconds(pieces[count.table]),
            _digest(pieces[count.table]),
        )
        for count in counts
    )


def _seconds(pieces: list[Copied]) -> float | None:
    spent = sum(piece.seconds for piece in pieces)
    return round(spent, 6) if spent else None


def _digest(pieces: list[Copied]) -> str | None:
    """Join the digests of a table's pieces; a table of which one is missing has none."""
    digests = [piece.digest for piece in sorted(pieces, key=lambda piece: piece.number)]
    known = [digest_text(digest) for digest in digests if digest is not None]
    if not known or len(known) < len(pieces):
        return None
    return hashlib.sha256("".join(known).encode()).hexdigest()
