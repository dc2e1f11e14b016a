"""What refers to uploads, on the env itself: the same gates, before anything of it is kept."""

from pytest_deploy.suites.predeploy.test_references import (
    test_nothing_else_is_adapted,
    test_references_are_rewritten,
    test_references_are_whole,
)

__all__ = [
    "test_nothing_else_is_adapted",
    "test_references_are_rewritten",
    "test_references_are_whole",
]
