"""The container: reachable from this machine only, labelled, its data in memory."""

from __future__ import annotations

import os
import tempfile
from contextlib import closing

import pytest

from pytest_deploy.errors import TargetError
from pytest_deploy.providers.postgres import container
from pytest_deploy.workspace import Workspace

IMAGE = os.environ.get("PYTEST_DEPLOY_IMAGE", "localhost/pytest-deploy-postgres:18")


@pytest.fixture(autouse=True)
def _docker():
    usable, reason = container.available(IMAGE)
    if not usable:
        pytest.skip(f"CONTAINERS NOT TESTED: {reason}")


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    workspace = Workspace.create("container-test")
    yield workspace
    workspace.close()


@pytest.fixture
def client():
    import docker

    with closing(docker.from_env()) as client:
        yield client


def test_container_is_private_and_labelled(workspace, client):
    """The port is bound to the loopback, the data is in memory, the label names the release."""
    with container.serve(workspace, IMAGE, reason="test"):
        (found,) = client.containers.list(filters={"label": "pytest-deploy.release=container-test"})
        assert {each["HostIp"] for each in found.ports["5432/tcp"]} == {"127.0.0.1"}
        assert list(found.attrs["HostConfig"]["Tmpfs"]) == ["/pytest-deploy"]
        assert "PGDATA=/pytest-deploy/data" in found.attrs["Config"]["Env"]
    assert client.containers.list(all=True, filters={"name": found.name}) == []


def test_container_goes_with_an_interrupted_run(workspace, client):
    """Ctrl-C removes the container."""
    with pytest.raises(KeyboardInterrupt), container.serve(workspace, IMAGE, reason="test"):
        raise KeyboardInterrupt
    assert client.containers.list(all=True, filters={"name": "pytest-deploy-container-test"}) == []


def test_missing_image_is_named():
    """An image that is neither there nor can be pulled is an error of its own."""
    with pytest.raises(TargetError, match="docker pull localhost/no-such-image:1"):
        container.require("localhost/no-such-image:1")
