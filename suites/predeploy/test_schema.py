"""Does Postgres have all that the plan says."""

from pytest_deploy.gates.schema import schema_is_complete


def test_schema_is_complete(gate, prepared, target, constraints_added, programs_created):
    """Every object stands as planned: from columns and keys to views, triggers and functions."""
    given_up = tuple(refused.statement.object for refused in constraints_added.refused)
    gate.judge(schema_is_complete(prepared.plan, target, given_up))
