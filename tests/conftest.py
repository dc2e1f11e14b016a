"""How long Hypothesis looks: `ci` by default, `--hypothesis-profile=nightly` for the long one."""

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
