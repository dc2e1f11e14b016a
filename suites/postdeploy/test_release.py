"""Does the release stand on the project, whole and as open as it should be."""

from pytest_deploy.gates.api import api_shows_what_is_stated
from pytest_deploy.gates.asked import not_asked
from pytest_deploy.gates.cells import cells_are_equal
from pytest_deploy.gates.lints import (
    grants_are_as_stated,
    programs_are_safe,
    tables_are_guarded,
)
from pytest_deploy.gates.releases import nothing_is_left_behind, release_is_deployed
from pytest_deploy.gates.rows import quarantine_is_whole, row_counts_agree

NOTHING = not_asked("Supabase", "[access]")


def test_release_is_deployed(gate, deploy, supabase, release_known):
    """The project knows of a release that was deployed to the end."""
    if supabase is None:
        gate.judge(NOTHING)
        return
    here = deploy.opened.id if deploy.opened else ""
    gate.judge(release_is_deployed(release_known, here=here))


def test_standing_rows_agree(gate, standing_rows):
    """Each table has as many rows as the source, less those in quarantine."""
    gate.judge(row_counts_agree(standing_rows) if standing_rows is not None else NOTHING)


def test_standing_cells_match(gate, standing_cells):
    """Every cell of every row is that of the source."""
    gate.judge(cells_are_equal(standing_cells) if standing_cells is not None else NOTHING)


def test_quarantine_is_whole(gate, standing, standing_rows):
    """What stayed behind is in quarantine, byte by byte as the source holds it."""
    gate.judge(quarantine_is_whole(standing) if standing is not None else NOTHING)


def test_tables_are_guarded(gate, supabase, release_known):
    """Row level security is on for every table that the API reaches."""
    gate.judge(tables_are_guarded(supabase.database) if supabase else NOTHING)


def test_grants_are_as_stated(gate, deploy, prepared, supabase):
    """Each role has the rights that [access] states, table by table, and no others."""
    if supabase is None:
        gate.judge(NOTHING)
        return
    gate.judge(grants_are_as_stated(prepared.plan, supabase.database, deploy.settings.api))


def test_programs_are_safe(gate, supabase, release_known):
    """No view or function shows or does more than its caller may."""
    gate.judge(programs_are_safe(supabase.database) if supabase else NOTHING)


def test_api_shows_what_is_stated(gate, deploy, prepared, supabase):
    """REST, asked over HTTP, answers anon and the secret key as [access] states."""
    if supabase is None:
        gate.judge(NOTHING)
        return
    gate.judge(api_shows_what_is_stated(supabase, prepared.plan, deploy.settings.api))


def test_nothing_is_left_behind(gate, supabase, release_known):
    """No staging schema, session or account of ours, nothing of former releases but a way back."""
    gate.judge(nothing_is_left_behind(supabase, release_known) if supabase else NOTHING)
