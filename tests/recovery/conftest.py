"""What tests of recovery share."""

import pytest

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
