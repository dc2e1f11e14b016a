"""Is every blocker settled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.gates.verdict import Verdict

if TYPE_CHECKING:
    from pytest_deploy.findings import Finding


def blockers_are_settled(findings: tuple[Finding, ...], objects: int) -> Verdict:
    """
    Judge findings.

    Args:
        findings: What was found.
        objects: How many tables, columns or constraints were looked at.

    Returns:
        One problem for each blocker that nobody has settled.
    """
    blocking = [finding for finding in findings if finding.blocks]
    return Verdict(
        examined=objects,
        unit="objects",
        problems=tuple(
            f"{f.code} {f.object}: {f.message}" + (f" ({f.count:,} rows)" if f.count else "")
            for f in blocking
        ),
        measured={"findings": len(findings), "unsettled": len(blocking)},
    )
