"""
What all tests share.

How long Hypothesis looks: `ci` by default, `--hypothesis-profile=nightly` for the long one.
"""

from collections import defaultdict
from secrets import token_hex

import pytest
from hypothesis import HealthCheck, settings

from pytest_deploy.providers.postgres import embedded
from pytest_deploy.workspace import Workspace

_SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example)

# CI tries the same examples each time: a change is red for what it changed.
settings.register_profile(
    "ci", max_examples=100, deadline=None, derandomize=True, suppress_health_check=_SLOW
)
settings.register_profile(
    "nightly", max_examples=4_000, deadline=None, suppress_health_check=_SLOW, print_blob=True
)
settings.load_profile("ci")


@pytest.fixture(autouse=True, scope="session")
def _no_job_on_github():
    """What runs these tests may be such a job: its summary is not theirs."""
    with pytest.MonkeyPatch.context() as patched:
        for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
            patched.delenv(name, raising=False)
        yield


@pytest.fixture(scope="module")
def server():
    """An embedded server for all tests of a file."""
    workspace = Workspace.create(f"tests-{token_hex(4)}")
    try:
        with embedded.serve(workspace, reason="tests") as running:
            yield running
    finally:
        workspace.close()


def pytest_terminal_summary(terminalreporter):
    """Show the crash matrix as a table: what was killed where, and what came of it."""
    found = defaultdict(dict)
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, ()):
            for name, told in getattr(report, "user_properties", ()):
                if name == "crash":
                    begun, step, where, then = told
                    found[f"{begun}, {step}"][f"{where}, then {then}"] = outcome
    if not found:
        return
    terminalreporter.section("crash matrix")
    for row, cells in found.items():
        told = "; ".join(f"{where}: {outcome}" for where, outcome in cells.items())
        terminalreporter.write_line(f"{row:<30} {told}")
