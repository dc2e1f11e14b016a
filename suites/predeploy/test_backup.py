"""Is what stood on the target kept before anything of it is changed, and does it come back."""

from pytest_deploy.gates.asked import not_asked
from pytest_deploy.gates.backup import (
    backup_restores,
    recovery_is_within_budget,
    target_is_backed_up,
)
from pytest_deploy.recovery.drill import remember, usual_s

NOTHING = not_asked("a backup", "[backup]")


def test_target_is_backed_up(gate, target_backed_up):
    """Database, accounts, objects and variables as they were lie there, whole and encrypted."""
    gate.judge(target_is_backed_up(target_backed_up) if target_backed_up else NOTHING)


def test_backup_restores(gate, restored):
    """On a fresh Postgres and Storage every row and object is what was kept; a user signs in."""
    gate.judge(backup_restores(restored, restored.signed_in) if restored else NOTHING)


def test_recovery_is_within_budget(gate, deploy, drill):
    """That took no longer than it may, and no more would be lost than may be."""
    if drill is None:
        gate.judge(NOTHING)
        return
    before = usual_s(deploy.options.evidence, drill.env)
    remember(deploy.options.evidence, drill)
    gate.judge(recovery_is_within_budget(drill, deploy.settings.backup, before))
