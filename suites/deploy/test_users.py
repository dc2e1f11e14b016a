"""The users on the env itself: the same gates, before anything of it is kept."""

from pytest_deploy.suites.predeploy.test_users import (
    test_access_is_as_stated,
    test_accounts_are_valid,
    test_canary_sees_what_is_stated,
    test_members_see_what_is_theirs,
    test_password_hashes_are_closed,
    test_users_are_whole,
)

__all__ = [
    "test_access_is_as_stated",
    "test_accounts_are_valid",
    "test_canary_sees_what_is_stated",
    "test_members_see_what_is_theirs",
    "test_password_hashes_are_closed",
    "test_users_are_whole",
]
