"""What tests of recovery share."""

from secrets import token_hex

import pytest

from pytest_deploy.providers.postgres import embedded
from pytest_deploy.workspace import Workspace
from tests.recovery.stage import staged
from tests.recovery.standing import unlike


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """A whole app with its project."""
    with staged(tmp_path_factory.mktemp("whole") / "app") as made:
        yield made


@pytest.fixture
def cleared(stage):
    """What one case leaves behind is not the next one's."""
    yield
    stage.app.judge("")
    if unlike(stage.first, stage.standing()):
        stage.undone()


@pytest.fixture(scope="module")
def server():
    """An embedded server for all tests of a file."""
    workspace = Workspace.create(f"recovery-{token_hex(4)}")
    try:
        with embedded.serve(workspace, reason="tests") as running:
            yield running
    finally:
        workspace.close()
