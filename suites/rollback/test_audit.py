"""The audit log of this run: the same gate."""

from pytest_deploy.suites.predeploy.test_audit import test_audit_log_is_whole

__all__ = ["test_audit_log_is_whole"]
