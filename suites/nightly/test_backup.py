"""Is there a fresh backup of the env, and does it come back."""

from pytest_deploy.gates.asked import not_asked
from pytest_deploy.gates.backup import (
    backup_is_fresh,
    backup_restores,
    recovery_is_within_budget,
)
from pytest_deploy.gates.verdict import Verdict
from pytest_deploy.recovery.drill import remember, usual_s

NOTHING = not_asked("a backup", "[backup]")
NONE = Verdict(0, "backups", remedy="python -m pytest_deploy backup take --env NAME")


def test_backup_is_fresh(gate, deploy, kept_backups):
    """The newest backup is not older than [backup] says, and none is half written."""
    settings = deploy.settings.backup
    gate.judge(backup_is_fresh(kept_backups, settings) if settings else NOTHING)


def test_backup_restores(gate, deploy, newest_restored):
    """On a fresh Postgres and Storage every row and object is what was kept; a user signs in."""
    if deploy.settings.backup is None:
        gate.judge(NOTHING)
        return
    gate.judge(
        backup_restores(newest_restored, newest_restored.signed_in) if newest_restored else NONE
    )


def test_recovery_is_within_budget(gate, deploy, newest_drill):
    """That took no longer than it may, and no more would be lost than may be."""
    settings = deploy.settings.backup
    if settings is None:
        gate.judge(NOTHING)
        return
    if newest_drill is None:
        gate.judge(NONE)
        return
    before = usual_s(deploy.options.evidence, newest_drill.env)
    remember(deploy.options.evidence, newest_drill)
    gate.judge(recovery_is_within_budget(newest_drill, settings, before))
