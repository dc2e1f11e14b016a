"""Does what refers to uploads refer to Storage."""

from pytest_deploy.gates.asked import not_asked
from pytest_deploy.gates.references import references_are_rewritten


def test_references_are_rewritten(gate, prepared, references, supabase):
    """No row of the project refers to the app's own folder, or to the address of a project."""
    if references is None or supabase is None:
        gate.judge(not_asked("references", "[files] columns and texts"))
        return
    gate.judge(references_are_rewritten(prepared.plan, supabase, references))
