"""Are the rows what the app's rules say."""

from pytest_deploy.gates.expectations import expectations_hold, volumes_are_within_bounds


def test_expectations_hold(gate, prepared, expectations):
    """Every rule of the app's suites holds on the rows as they arrived."""
    tables = len(prepared.plan.tables)
    gate.judge(expectations_hold(expectations.outcomes, tables, expectations.docs))


def test_volumes_are_within_bounds(gate, prepared, volumes):
    """Each table has as many rows as its suite allows, measured by the source's."""
    gate.judge(volumes_are_within_bounds(volumes, len(prepared.plan.tables)))
