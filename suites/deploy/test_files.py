"""The uploads on the env itself: the same gates, before anything of it is kept."""

from pytest_deploy.suites.predeploy.test_files import (
    test_objects_are_whole,
    test_private_objects_are_closed,
    test_uploads_are_valid,
)

__all__ = [
    "test_objects_are_whole",
    "test_private_objects_are_closed",
    "test_uploads_are_valid",
]
