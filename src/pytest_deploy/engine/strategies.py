"""What follows from each kind of error: it is tried again, undone, or left to a person."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pytest_deploy import errors


class Strategy(StrEnum):
    """What follows from an error."""

    RETRY = "tried again"
    UNDO = "all of the release is undone"
    STOP = "stops for a person; nothing is undone"
    REFUSE = "refused before anything is changed"


@dataclass(frozen=True)
class Recovery:
    """
    One row of the table.

    Args:
        when: What goes wrong.
        strategy: What follows.
        how: In which way.
        runbook: What a person does then; empty where there is nothing to do.
        error: The kind of error that says so; None where it is told by the run itself.
    """

    when: str
    strategy: Strategy
    how: str
    runbook: str = ""
    error: type[errors.DeployError] | None = None


TABLE: tuple[Recovery, ...] = (
    Recovery(
        "Storage, Auth or REST answers 429 or 5xx, hangs up, says nothing for 30 seconds, or cuts"
        " an answer short",
        Strategy.RETRY,
        "up to six times within 100 seconds, waiting longer each time; then it counts as refused",
    ),
    Recovery(
        "a lock is not had while the release is published",
        Strategy.RETRY,
        "[release] lock_attempts times, each a transaction of its own; then it is undone",
        "publishing.md",
    ),
    Recovery(
        "a gate is closed",
        Strategy.UNDO,
        "the last step first; a release that stood before is left as it is",
        "gate-closed.md",
        errors.GateClosedError,
    ),
    Recovery(
        "a step fails",
        Strategy.UNDO,
        "what it did by half goes first, then the steps before it",
        "gate-closed.md",
        errors.StepError,
    ),
    Recovery(
        "rows are refused, the disk is full, or a connection is lost in the copy",
        Strategy.UNDO,
        "over another connection; where none can be had, the next run goes on from what stands",
        "schema-findings.md",
        errors.TransferError,
    ),
    Recovery(
        "the target is unreachable, refuses us, or is not what the plan needs",
        Strategy.UNDO,
        "where something was changed already; else nothing was",
        "target.md",
        errors.TargetError,
    ),
    Recovery(
        "SIGTERM or Ctrl-C",
        Strategy.UNDO,
        "the fixtures are unwound; the exit code is that of the signal",
        "gate-closed.md",
    ),
    Recovery(
        "kill -9, a machine that is gone, a server that was restarted",
        Strategy.RETRY,
        "by the next run: it goes on from what deploy.journal says, or release undo takes it back",
        "releases.md",
    ),
    Recovery(
        "somebody else has taken the target over",
        Strategy.STOP,
        "this run changes and undoes nothing more",
        "releases.md",
        errors.LeaseLostError,
    ),
    Recovery(
        "a step of [release] approve",
        Strategy.STOP,
        "all that stands stays, until --approve STEP",
        "releases.md",
    ),
    Recovery(
        "another deployment holds the target",
        Strategy.REFUSE,
        "at once, with its host, process and run",
        "releases.md",
    ),
    Recovery(
        "the configuration, an option or a secret is wrong",
        Strategy.REFUSE,
        "with the place and the remedy",
        "target.md",
        errors.ConfigError,
    ),
    Recovery(
        "the source cannot be read, or changes while it is copied",
        Strategy.REFUSE,
        "in a rehearsal; changed later, the gate source_is_unchanged undoes the release",
        "freeze.md",
        errors.SourceError,
    ),
    Recovery(
        "the frozen plan is stale or unreadable",
        Strategy.REFUSE,
        "until it is frozen again",
        "schema-lock.md",
        errors.LockError,
    ),
    Recovery(
        "a backup is damaged, foreign, half written, does not open or cannot be kept in its bucket",
        Strategy.REFUSE,
        "nothing is restored from it, or changed without it; the bucket is asked six times",
        "backup.md",
        errors.BackupError,
    ),
    Recovery(
        "journal or audit log cannot be written",
        Strategy.STOP,
        "what cannot be noted is not done, and not undone blindly",
        "audit.md",
        errors.EvidenceError,
    ),
    Recovery(
        "load cannot be made",
        Strategy.UNDO,
        "not measured is not green",
        "load-gate.md",
        errors.LoadError,
    ),
)


def of_error(error: BaseException) -> Recovery | None:
    """
    Look up what follows from an error.

    Args:
        error: The error.

    Returns:
        The row of its own kind, or of the next one that it is a kind of; None where it is not
        ours.
    """
    by_kind = {row.error: row for row in TABLE if row.error is not None}
    kinds = [kind for kind in type(error).__mro__ if issubclass(kind, errors.DeployError)]
    return next((by_kind[kind] for kind in kinds if kind in by_kind), None)


def leaves_all(error: BaseException) -> bool:
    """
    Tell whether nothing may be undone after an error.

    Args:
        error: The error.

    Returns:
        Whether a person has to look first.
    """
    found = of_error(error)
    return found is not None and found.strategy is Strategy.STOP


def as_markdown() -> str:
    """
    Write the table as the documentation has it.

    Returns:
        Markdown.
    """
    rows = [
        f"| {one.when} | {one.strategy.value} | {one.how} | {_link(one.runbook)} |" for one in TABLE
    ]
    return "\n".join(("| when | what follows | how | runbook |", "|---|---|---|---|", *rows))


def _link(runbook: str) -> str:
    return f"[{runbook}](../runbooks/{runbook})" if runbook else ""
