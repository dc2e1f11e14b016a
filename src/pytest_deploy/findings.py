"""What is wrong or risky in the source, and the line of `deploy.toml` that would settle it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

SAMPLE_KEYS = 5


class Severity(StrEnum):
    """How much a finding weighs: a blocker closes a gate until a remedy is chosen."""

    BLOCKER = "blocker"
    RISK = "risk"
    NOTE = "note"


@dataclass(frozen=True)
class Finding:
    """
    One thing that is wrong or risky.

    Args:
        code: What kind of thing, in snake_case: `orphans`, `index_row_too_large`.
        severity: Whether it blocks.
        object: Where: `table`, `table.column`, `table.column,column`, an index, a view, a file.
        message: One sentence, without any value from the rows.
        count: Rows concerned; 0 where rows are not what it is about.
        sample_keys: Up to five keys of such rows: integer keys, else the rowid.
        remedies: The values that settle it.
        suggested: The remedy that `--accept-remedies` applies.
        setting: The lines of `deploy.toml` that settle it.
        settled_by: The remedy in force; None while nobody has chosen one.
    """

    code: str
    severity: Severity
    object: str
    message: str
    count: int = 0
    sample_keys: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()
    suggested: str | None = None
    setting: str | None = None
    settled_by: str | None = None

    @property
    def blocks(self) -> bool:
        """Whether this closes the gate: a blocker for which no remedy was chosen."""
        return self.severity is Severity.BLOCKER and self.settled_by is None


_WEIGHT = {Severity.BLOCKER: 0, Severity.RISK: 1, Severity.NOTE: 2}


def in_order(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """
    Sort findings as a person reads them.

    Args:
        findings: In any order.

    Returns:
        Blockers, risks, notes; by code and object within each.
    """
    return tuple(sorted(findings, key=lambda f: (_WEIGHT[f.severity], f.code, f.object)))
