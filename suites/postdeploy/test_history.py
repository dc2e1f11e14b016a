"""Does the Supabase CLI know what stands on the project."""

from pytest_deploy.gates.asked import not_asked
from pytest_deploy.gates.history import migration_is_recorded

NOTHING = not_asked("migrations", "[release] migration")


def test_migration_is_recorded(gate, prepared, migration, supabase, release_known):
    """The CLI's migration makes the plan's schema, and its history says that it is applied."""
    if migration is None or supabase is None:
        gate.judge(NOTHING)
        return
    gate.judge(migration_is_recorded(migration, prepared.plan, supabase.database))
