"""Are the rows of an env, which is only read, what the app's rules say."""

from pytest_deploy.gates.expectations import expectations_hold, volumes_are_within_bounds


def test_expectations_hold(gate, env_expectations, env_tables):
    """Every rule of the app's suites holds on the env's rows; none of them leaves Postgres."""
    gate.judge(expectations_hold(env_expectations.outcomes, env_tables, env_expectations.docs))


def test_volumes_are_within_bounds(gate, env_volumes, env_tables):
    """The env's tables have as many rows as the suites allow, measured by the source's."""
    gate.judge(volumes_are_within_bounds(env_volumes, env_tables))
