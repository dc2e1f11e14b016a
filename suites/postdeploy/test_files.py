"""Do the uploads stand in Storage whole, and are they open to nobody but their audience."""

from pytest_deploy.gates.asked import not_asked
from pytest_deploy.gates.files import objects_are_whole, private_objects_are_closed

NOTHING = not_asked("files", "[files]")


def test_objects_are_whole(gate, deploy, supabase, manifest):
    """Every object, fetched as its audience does, is the file, byte by byte."""
    if supabase is None or manifest is None:
        gate.judge(NOTHING)
        return
    gate.judge(objects_are_whole(supabase, manifest, deploy.settings.storage))


def test_private_objects_are_closed(gate, deploy, supabase, manifest):
    """No private object opens for anybody, by no address."""
    if supabase is None or manifest is None:
        gate.judge(NOTHING)
        return
    gate.judge(private_objects_are_closed(supabase, manifest, deploy.settings.storage))
