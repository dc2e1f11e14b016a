"""Is the source whole: intact pages, and no change since the snapshot began."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.gates.verdict import Verdict

if TYPE_CHECKING:
    from pytest_deploy.transfer.planning import Source


def source_is_intact(source: Source) -> Verdict:
    """
    Judge the snapshot's integrity check.

    Args:
        source: The source.

    Returns:
        One problem for each line of the check that tells of damage.
    """
    return Verdict(
        examined=len(source.schema.tables),
        unit="tables",
        problems=source.snapshot.integrity,
        measured={
            "size_bytes": source.snapshot.size_bytes,
            "rows": source.rows,
            "uploads": len(source.snapshot.uploads),
        },
    )
