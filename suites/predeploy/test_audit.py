"""Is everything noted that was done, and nothing of it changed since."""

from pytest_deploy.audit.log import current
from pytest_deploy.gates.audit import audit_log_is_whole


def test_audit_log_is_whole(gate, audit_log):
    """Each line of the audit log is the one that was written, in its place, and none is missing."""
    gate.judge(audit_log_is_whole(audit_log.read_bytes(), current()))
