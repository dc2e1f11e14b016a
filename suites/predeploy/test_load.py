"""Does the target carry its users."""

from pytest_deploy.gates.load import load_is_carried


def test_load_is_carried(gate, deploy, prepared, load_carried):
    """Every journey keeps its thresholds, where load is asked for; else the report says so."""
    gate.judge(load_is_carried(load_carried, deploy.settings.load, prepared))
