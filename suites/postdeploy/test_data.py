"""Are the rows of the project what the app's rules say, and do they find each other."""

from pytest_deploy.gates.asked import not_asked
from pytest_deploy.gates.expectations import expectations_hold, volumes_are_within_bounds
from pytest_deploy.gates.foreign_keys import references_hold
from pytest_deploy.gates.sequences import sequences_are_ahead

NOTHING = not_asked("Supabase", "[access]")


def test_expectations_hold(gate, standing_expectations, standing_relations):
    """Every rule of the app's suites holds on the project's rows; none of them leaves Postgres."""
    if standing_expectations is None:
        gate.judge(NOTHING)
        return
    outcomes, docs = standing_expectations.outcomes, standing_expectations.docs
    gate.judge(expectations_hold(outcomes, standing_relations, docs))


def test_volumes_are_within_bounds(gate, standing_volumes, standing_relations):
    """The project's tables have as many rows as the suites allow, measured by the source's."""
    if standing_volumes is None:
        gate.judge(NOTHING)
        return
    gate.judge(volumes_are_within_bounds(standing_volumes, standing_relations))


def test_references_hold(gate, standing, supabase):
    """No row refers to a row that is not there, but where that is kept on purpose."""
    gate.judge(references_hold(standing.plan, supabase.database) if standing else NOTHING)


def test_sequences_are_ahead(gate, standing, supabase):
    """The next row of every table gets a key that no row has."""
    gate.judge(sequences_are_ahead(standing.plan, supabase.database) if standing else NOTHING)
