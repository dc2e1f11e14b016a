"""The app's variables, on the env itself: the same gate, before anything of it is kept."""

from pytest_deploy.suites.predeploy.test_configuration import test_configuration_is_complete

__all__ = ["test_configuration_is_complete"]
