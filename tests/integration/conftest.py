"""What integration tests share."""

import shutil
import tempfile
from pathlib import Path

import pytest


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
