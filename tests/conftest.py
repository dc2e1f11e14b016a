"""
What all tests share.

How long Hypothesis looks: `ci` by default, `--hypothesis-profile=nightly` for the long one.
"""

import pytest
from hypothesis import HealthCheck, settings

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
