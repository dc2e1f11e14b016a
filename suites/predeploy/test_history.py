"""Does the Supabase CLI know what stands on the project."""

from pytest_deploy.gates.asked import not_asked
from pytest_deploy.gates.history import migration_is_recorded

NOTHING = not_asked("migrations", "[release] migration")


def test_migration_is_recorded(gate, prepared, migration_recorded, access_granted):
    """The CLI's migration makes the plan's schema, and its history says that it is applied."""
    if migration_recorded is None or access_granted is None:
        gate.judge(NOTHING)
        return
    target = access_granted.database
    gate.judge(migration_is_recorded(migration_recorded, prepared.plan, target))
