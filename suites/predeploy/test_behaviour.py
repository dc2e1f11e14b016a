"""Does the target do what the source does."""

from pytest_deploy.gates.behaviour import (
    queries_come_to_the_same,
    views_show_the_same,
    writes_behave_alike,
)


def test_writes_behave_alike(gate, prepared, behaviour):
    """Inserts, updates and deletes are taken or refused alike, and leave the same rows."""
    gate.judge(writes_behave_alike(prepared, behaviour))


def test_views_show_the_same(gate, prepared, behaviour):
    """Every view shows the same rows, before and after rows change."""
    gate.judge(views_show_the_same(prepared, behaviour))


def test_queries_come_to_the_same(gate, prepared, behaviour):
    """The app's own statements, where it gave any, come to the same."""
    gate.judge(queries_come_to_the_same(prepared, behaviour))
