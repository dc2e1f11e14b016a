"""Is what stands on the target kept, before anything of it is changed."""

from pytest_deploy.gates.asked import not_asked
from pytest_deploy.gates.backup import target_is_backed_up

NOTHING = not_asked("a backup", "[backup]")


def test_target_is_backed_up(gate, target_backed_up):
    """Database and variables as they were lie in the release's folder, whole and encrypted."""
    gate.judge(target_is_backed_up(target_backed_up) if target_backed_up else NOTHING)
