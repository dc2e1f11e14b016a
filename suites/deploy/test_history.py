"""The CLI's history on the env itself: the same gate, before anything of it is kept."""

from pytest_deploy.suites.predeploy.test_history import test_migration_is_recorded

__all__ = ["test_migration_is_recorded"]
