"""Does the project carry its users over HTTP."""

from pytest_deploy.gates.http_load import http_load_is_carried


def test_http_load_is_carried(gate, deploy, http_load_carried):
    """Every journey over HTTP keeps its thresholds, and what it wrote is gone again."""
    gate.judge(http_load_is_carried(http_load_carried, deploy.settings.load))
