"""Is everything there that a deployment needs."""

from pytest_deploy.gates.environment import (
    disk_is_large_enough,
    findings_on_version,
    tools_are_recent,
)


def test_tools_are_recent(gate, deploy, postgres_server):
    """Python, SQLite and Postgres are recent enough, and Postgres is the env's major version."""
    for name, env in deploy.settings.env.items():
        deploy.add_findings(findings_on_version(name, env, postgres_server))
    gate.judge(tools_are_recent(postgres_server))


def test_disk_is_large_enough(gate, deploy, workspace, source):
    """There is room for a copy of the rows, their indexes, and the evidence."""
    folders = (workspace.path, deploy.release.folder)
    with_project = deploy.settings.api is not None
    gate.judge(disk_is_large_enough(folders, source.snapshot.size_bytes, with_project=with_project))
