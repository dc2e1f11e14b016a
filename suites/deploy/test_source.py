"""Has the app written anything since the snapshot: looked at last, before anything is kept."""

from pytest_deploy.gates.source import source_is_unchanged


def test_source_is_unchanged(gate, source, source_looked_at_again):
    """Nobody has written to the database or the uploads since the snapshot was taken."""
    gate.judge(source_is_unchanged(source_looked_at_again, len(source.snapshot.uploads)))
