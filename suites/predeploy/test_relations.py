"""Do rows refer to rows that are there, and does the next row find its place."""

from pytest_deploy.gates.foreign_keys import references_hold
from pytest_deploy.gates.sequences import next_inserts_work


def test_references_hold(gate, prepared, target, constraints_added):
    """No row refers to a row that is not there, but where that is kept on purpose."""
    given_up = tuple(refused.statement.object for refused in constraints_added.refused)
    gate.judge(references_hold(prepared.plan, target, given_up))


def test_next_inserts_work(gate, prepared, target, sequences_set):
    """The next row of every table, also of an empty one, gets the next key."""
    gate.judge(next_inserts_work(prepared.plan, target))
