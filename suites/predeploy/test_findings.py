"""Is every blocker settled, by configuration or by accepted remedies."""

from pytest_deploy.gates.findings import blockers_are_settled
from pytest_deploy.gates.schema import nothing_is_lost_silently
from pytest_deploy.steps.add_constraints import findings_on


def test_blockers_in_the_source_are_settled(gate, prepared):
    """Nothing is wrong in the source for which nobody has chosen a remedy."""
    columns = sum(len(table.columns) for table in prepared.plan.tables)
    gate.judge(blockers_are_settled(prepared.plan.findings, columns))


def test_nothing_is_lost_silently(gate, prepared):
    """Every object of the source is in the plan, or a finding says why not."""
    gate.judge(nothing_is_lost_silently(prepared.plan, prepared.plan.findings))


def test_refused_constraints_are_settled(gate, prepared, constraints_added, remedies):
    """Postgres takes every constraint as the rows are, or somebody chose to do without it."""
    findings = findings_on(constraints_added.refused, remedies)
    gate.judge(blockers_are_settled(findings, len(prepared.plan.tables)))
