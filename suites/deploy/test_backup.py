"""What stands on the env itself: the same gate, before anything of it is changed."""

from pytest_deploy.suites.predeploy.test_backup import test_target_is_backed_up

__all__ = ["test_target_is_backed_up"]
