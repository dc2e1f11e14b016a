"""Is the audit log of the run the one that it has written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.audit.log import NAME
from pytest_deploy.audit.verify import Mirrored, verify
from pytest_deploy.gates.verdict import Verdict

if TYPE_CHECKING:
    from pytest_deploy.audit.log import Log

_REMEDY = "find out who can write to the evidence folder, and run again; see runbooks/audit.md"


def audit_log_is_whole(content: bytes, log: Log | None) -> Verdict:
    """
    Compare the log on disk, as far as it is, with what was written to it.

    Args:
        content: The file.
        log: What wrote it, and knows its last line; None where nothing is noted.

    Returns:
        One problem for each line that was changed, dropped, added or put elsewhere.
    """
    if log is None:
        return Verdict(0, "lines", remedy=_REMEDY)
    known = (Mirrored(log.lines, log.head),) if log.lines else ()
    found = verify(content, mirrored=known, must_end=False, told_by="this run")
    return Verdict(
        examined=len(found.lines),
        unit="lines",
        problems=found.problems,
        measured={"checkpoints": found.checkpoints},
        evidence=(NAME,),
        remedy=_REMEDY,
    )
