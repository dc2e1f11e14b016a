"""What was rehearsed, on the env itself: the same gates, before anything of it is kept."""

from pytest_deploy.suites.predeploy.test_release import (
    test_api_shows_what_is_stated,
    test_grants_are_as_stated,
    test_nothing_of_others_is_there,
    test_programs_are_safe,
    test_release_is_complete,
    test_staged_cells_match,
    test_staged_rows_agree,
    test_tables_are_guarded,
    test_target_is_free,
    test_target_is_ready,
)

__all__ = [
    "test_api_shows_what_is_stated",
    "test_grants_are_as_stated",
    "test_nothing_of_others_is_there",
    "test_programs_are_safe",
    "test_release_is_complete",
    "test_staged_cells_match",
    "test_staged_rows_agree",
    "test_tables_are_guarded",
    "test_target_is_free",
    "test_target_is_ready",
]
