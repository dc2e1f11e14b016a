"""Does Postgres have all that the plan says."""

from pytest_deploy.gates.schema import schema_is_complete


def test_schema_is_complete(gate, prepared, target, constraints_added):
    """Tables, columns, types, NOT NULL, defaults, keys, checks and indexes stand as planned."""
    given_up = tuple(refused.statement.object for refused in constraints_added.refused)
    gate.judge(schema_is_complete(prepared.plan, target, given_up))
