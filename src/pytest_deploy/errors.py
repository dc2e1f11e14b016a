"""The tree of errors: each says what failed, what was seen, where it is configured, what to do."""

from __future__ import annotations


class DeployError(Exception):
    """
    Anything that stops a deployment, in the four parts that a person needs.

    Messages never hold a secret or a value from the source's rows: they reach logs and reports.

    Args:
        subject: What failed, quoted as the user knows it: a file, a key, a table, a service.
        problem: What was expected and what was seen.
        where: Where it is configured: a file and key, or an option.
        remedy: What to do next; names a runbook where there is one.
    """

    def __init__(self, subject: str, *, problem: str, where: str, remedy: str) -> None:
        super().__init__(subject)
        self.subject = subject
        self.problem = problem
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        return (
            f"{type(self).__name__}: {self.subject}\n"
            f"  {self.problem}\n"
            f"  configured in {self.where}\n"
            f"  {self.remedy}"
        )

    def __reduce__(self) -> tuple[object, ...]:
        # Worker processes hand their errors over by pickle; keyword-only fields need help.
        return _rebuild, (type(self), self.subject, self.problem, self.where, self.remedy)


def _rebuild(
    kind: type[DeployError], subject: str, problem: str, where: str, remedy: str
) -> DeployError:
    return kind(subject, problem=problem, where=where, remedy=remedy)


class ConfigError(DeployError):
    """The configuration, an option or a secret is missing, misspelt or contradictory."""


class SourceError(DeployError):
    """The SQLite database or the uploads folder cannot be read as what it should be."""


class SnapshotError(SourceError):
    """The source changed, or is locked, while its snapshot was taken."""


class TransferError(DeployError):
    """Rows could not be written to the target."""


class TargetError(DeployError):
    """The Postgres server is unreachable, refuses us, or is not what the plan needs."""


class LeaseLostError(TargetError):
    """Somebody else works on the target by now: nothing may be changed there, or undone."""


class StepError(DeployError):
    """A step failed, or was found in a state that it must not touch."""


class BackupError(DeployError):
    """A backup is damaged, half written, of something else, too old, or does not open."""


class EvidenceError(DeployError):
    """The evidence folder or the journal cannot be written or read."""


class LockError(DeployError):
    """The frozen plan is missing, stale or unreadable, or nobody has settled what it depends on."""


class LoadError(DeployError):
    """Load could not be made, or not all of it."""


class GateClosedError(DeployError):
    """A promise does not hold."""
