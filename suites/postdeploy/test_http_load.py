"""Does the project itself carry its users over HTTP, before they come."""

from pytest_deploy.gates.http_load import http_load_is_carried


def test_http_load_is_carried(gate, deploy, release_known, standing_http_load):
    """Every journey over HTTP keeps its thresholds; what writes only where the env allows it."""
    gate.judge(http_load_is_carried(standing_http_load, deploy.settings.load))
