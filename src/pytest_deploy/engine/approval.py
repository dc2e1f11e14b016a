"""Steps that a person has to approve before they are taken."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_deploy.errors import StepError


class ApprovalNeededError(StepError):
    """A step waits for a person; what was done before it stays as it is."""


@dataclass(frozen=True)
class Approvals:
    """
    Which steps wait for a person, and which were approved.

    Args:
        asked: Names of steps that wait.
        given: Names of steps that were approved for this run.
        by: Who approved.
    """

    asked: frozenset[str] = frozenset()
    given: frozenset[str] = frozenset()
    by: str = ""

    def needs(self, step: str) -> bool:
        """
        Say whether a step waits.

        Args:
            step: Its name.

        Returns:
            Whether somebody has to approve it, and nobody has.
        """
        return step in self.asked and step not in self.given


def waits(step: str) -> ApprovalNeededError:
    """
    Tell that a step waits for a person.

    Args:
        step: Its name.

    Returns:
        The error that stops the run.
    """
    return ApprovalNeededError(
        f"step {step!r}",
        problem="expected somebody's approval, seen none; all steps before it are applied and stay",
        where="deploy.toml, [release] approve",
        remedy=f"look at what stands there, then go on: the same command with --approve {step}, or"
        f" with DEPLOY_APPROVE={step}",
    )
