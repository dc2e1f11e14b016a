"""What integration tests share."""

import shutil
import tempfile
from pathlib import Path
from secrets import token_hex

import pytest

from pytest_deploy.providers.postgres import embedded
from pytest_deploy.workspace import Workspace


@pytest.fixture(scope="module")
def server():
    """An embedded server for all tests of a file."""
    workspace = Workspace.create(f"tests-{token_hex(4)}")
    try:
        with embedded.serve(workspace, reason="tests") as running:
            yield running
    finally:
        workspace.close()


@pytest.fixture
def temporary():
    """A temporary folder that the server's account can pass through to, as /tmp is."""
    path = Path(tempfile.mkdtemp(prefix="pytest-deploy-tests-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def original(tmp_path):
    """Where the app's database stands, alone in a folder."""
    folder = tmp_path / "app"
    folder.mkdir()
    return folder / "osyris.db"


@pytest.fixture
def folder(tmp_path):
    """Where a snapshot goes."""
    return tmp_path / "copy"
