"""Does what refers to uploads refer to Storage, and is all else of the source as it was."""

from pytest_deploy.gates.asked import not_asked
from pytest_deploy.gates.references import (
    nothing_else_is_adapted,
    references_are_rewritten,
    references_are_whole,
)

NOTHING = not_asked("references", "[files] columns and texts")


def test_references_are_whole(gate, deploy, manifest, references_told):
    """Whatever the rows refer to is among the uploads."""
    if manifest is None or references_told is None:
        gate.judge(NOTHING)
        return
    gate.judge(references_are_whole(references_told, manifest, deploy.settings.storage))


def test_nothing_else_is_adapted(gate, adaptation, source):
    """But for the columns that are named, every cell of the copy is that of the source."""
    gate.judge(
        nothing_else_is_adapted(adaptation, source.schema) if adaptation.changes else NOTHING
    )


def test_references_are_rewritten(gate, prepared, references, access_granted):
    """No row of the project refers to the app's own folder, or to the address of a project."""
    if references is None or access_granted is None:
        gate.judge(NOTHING)
        return
    gate.judge(references_are_rewritten(prepared.plan, access_granted, references))
