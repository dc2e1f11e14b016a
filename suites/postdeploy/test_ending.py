"""How long is the way back of the release kept, and is it given up where that is asked for."""

from pytest_deploy.gates.asked import not_asked
from pytest_deploy.gates.releases import way_back_is_known


def test_way_back_is_known(gate, deploy, supabase, release_ended):
    """It is kept as long as it must be; with --complete it is given up, if that is due."""
    if supabase is None:
        gate.judge(not_asked("Supabase", "[access]"))
        return
    known, refused = release_ended
    retain_hours = deploy.settings.release.retain_hours
    gate.judge(way_back_is_known(known, retain_hours=retain_hours, refused=refused))
