"""Does the way back lead to where the release began, and is nothing lost on it."""

from pytest_deploy.gates.asked import not_asked
from pytest_deploy.gates.carried import what_was_written_is_carried_back
from pytest_deploy.gates.rollback import rollback_leads_back, what_was_written_is_kept

NOTHING = not_asked("a backup", "[backup]")


def test_rollback_leads_back(gate, rolled_back):
    """Undone where a drill has restored it, all is as it was before the release, by digest."""
    gate.judge(rollback_leads_back(rolled_back) if rolled_back else NOTHING)


def test_what_was_written_is_kept(gate, rolled_back):
    """The tables that people could write to are kept with all their rows."""
    gate.judge(what_was_written_is_kept(rolled_back) if rolled_back else NOTHING)


def test_what_was_written_is_carried_back(gate, rehearsed_back):
    """An older copy of the source is what the target holds, once that is carried back into it."""
    gate.judge(what_was_written_is_carried_back(rehearsed_back))
