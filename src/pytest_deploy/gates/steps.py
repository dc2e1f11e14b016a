"""Did the steps of a deployment go through."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.engine.journal import IN_FORCE
from pytest_deploy.gates.verdict import Verdict

if TYPE_CHECKING:
    from pytest_deploy.engine.journal import Journal


def steps_are_applied(journal: Journal) -> Verdict:
    """
    Judge the journal.

    Args:
        journal: Of the release.

    Returns:
        One problem for each step that began and is not in force; without steps nothing is examined.
    """
    steps = {entry.step: journal.state_of(entry.step) for entry in journal.entries}
    return Verdict(
        examined=len(steps),
        unit="steps",
        problems=tuple(
            f"step {name}: {state.value if state else 'unknown'}"
            for name, state in steps.items()
            if state not in IN_FORCE
        ),
    )
