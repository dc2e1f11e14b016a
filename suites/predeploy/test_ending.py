"""Can the way back be given up, once a release has proven itself."""

from pytest_deploy.gates.asked import not_asked
from pytest_deploy.gates.releases import way_back_is_given_up


def test_way_back_is_given_up(gate, supabase, release_id, release_completed):
    """Complete, rehearsed: former tables and ways back are gone, what was published stays."""
    if supabase is None:
        gate.judge(not_asked("Supabase", "[access]"))
        return
    gate.judge(way_back_is_given_up(supabase.database, release_id, release_completed))
