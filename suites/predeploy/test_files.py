"""Do the uploads come to Storage whole, and are they open to nobody but their audience."""

from pytest_deploy.gates.asked import not_asked
from pytest_deploy.gates.files import (
    objects_are_whole,
    private_objects_are_closed,
    uploads_are_valid,
)

NOTHING = not_asked("files", "[files]")


def test_uploads_are_valid(gate, deploy, manifest, other_uploads):
    """Every upload has a bucket that takes it: by its size and its content, and no program."""
    if manifest is None:
        gate.judge(NOTHING)
        return
    gate.judge(uploads_are_valid(manifest, other_uploads, deploy.settings.storage))


def test_objects_are_whole(gate, deploy, manifest, files_uploaded):
    """Every object, fetched as its audience does, is the file, byte by byte."""
    if files_uploaded is None:
        gate.judge(NOTHING)
        return
    gate.judge(objects_are_whole(files_uploaded, manifest, deploy.settings.storage))


def test_private_objects_are_closed(gate, deploy, manifest, files_uploaded):
    """No private object opens for anybody, by no address."""
    if files_uploaded is None:
        gate.judge(NOTHING)
        return
    gate.judge(private_objects_are_closed(files_uploaded, manifest, deploy.settings.storage))
