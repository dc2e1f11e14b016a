"""Is the source whole."""

from pytest_deploy.gates.source import source_is_intact


def test_source_is_intact(gate, source):
    """SQLite's integrity check finds no damage in the snapshot."""
    gate.judge(source_is_intact(source))
