"""Is the schema the one that was reviewed."""

from pytest_deploy.gates.lock import schema_lock_is_current


def test_schema_lock_is_current(gate, frozen):
    """The source still gives what schema.lock froze; where there is none yet, a note says so."""
    gate.judge(schema_lock_is_current(frozen))
