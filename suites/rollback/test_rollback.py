"""Is the release taken back, nothing lost on the way, and does the project work."""

from pytest_deploy.gates.asked import not_asked
from pytest_deploy.gates.backup import target_is_backed_up
from pytest_deploy.gates.carried import (
    what_was_written_is_carried_back,
    what_was_written_is_carried_over,
)
from pytest_deploy.gates.releases import nothing_is_left_behind
from pytest_deploy.gates.rollback import (
    release_is_undone,
    services_answer,
    what_was_written_is_kept,
)
from pytest_deploy.gates.verdict import Verdict
from pytest_deploy.steps.ending import Ending

UNKEPT = not_asked("a backup", "[backup]")
NOT_CARRIED = Verdict(
    1, "option", measured={"a copy": "none asked for with --carry-back, or nothing was published"}
)
NOT_CARRIED_OVER = Verdict(
    1, "option", measured={"rows": "not asked for with --carry-over, or nothing was published"}
)
NONE = Verdict(
    1,
    "release",
    problems=("expected a release that could be undone, seen none, or one that is complete",),
    remedy="restore a backup: python -m pytest_deploy backup restore; see runbooks/rollback.md",
)


def test_target_is_backed_up(gate, rollback_backed_up):
    """What stands there now is kept first, whole and encrypted."""
    gate.judge(target_is_backed_up(rollback_backed_up) if rollback_backed_up else UNKEPT)


def test_release_is_undone(gate, deploy, supabase, release_known, taken_back):
    """Every step of it is taken back, the last one first."""
    if taken_back is None:
        gate.judge(NONE)
        return
    left = Ending(supabase, release_known.id).within(deploy.options.components)
    gate.judge(release_is_undone(taken_back, left))


def test_what_was_written_is_kept(gate, taken_back):
    """The tables that people have written to since are kept with all their rows."""
    gate.judge(what_was_written_is_kept(taken_back) if taken_back else NONE)


def test_what_was_written_is_carried_back(gate, carried_back, taken_back):
    """The copy of the app's data that was asked for is what the project held to the last moment."""
    if carried_back is None or taken_back is None:
        gate.judge(NOT_CARRIED if taken_back else NONE)
        return
    gate.judge(what_was_written_is_carried_back(carried_back, taken_back.published))


def test_what_was_written_is_carried_over(gate, carried_over, taken_back):
    """Every row that people have written stands in the former tables, where that was asked for."""
    if carried_over is None:
        gate.judge(NOT_CARRIED_OVER if taken_back else NONE)
        return
    gate.judge(what_was_written_is_carried_over(carried_over))


def test_nothing_is_left_behind(gate, deploy, supabase, release_known, taken_back):
    """No staging schema, no session and no account of ours is left, and nobody holds the target."""
    known = release_known if deploy.options.components else None
    gate.judge(nothing_is_left_behind(supabase, known) if taken_back else NONE)


def test_services_answer(gate, supabase, taken_back):
    """Auth, REST and Storage answer, several times over some seconds."""
    gate.judge(services_answer(supabase) if taken_back else NONE)
