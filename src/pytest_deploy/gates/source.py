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


def source_is_unchanged(changes: tuple[str, ...], uploads: int) -> Verdict:
    """
    Judge whether what was deployed is what the app has by now.

    Args:
        changes: What has changed since the snapshot.
        uploads: How many files there were.

    Returns:
        One problem for the database, and one for the uploads.
    """
    return Verdict(
        examined=1 + uploads,
        unit="database and uploads",
        problems=tuple(f"changed since the snapshot: {one}" for one in changes),
        remedy="keep the app from writing, [freeze], and run again; see runbooks/freeze.md",
    )
