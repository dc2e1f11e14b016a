"""Does the release come to its place on Supabase whole, and is it open to nobody but as stated."""

from pytest_deploy.gates.api import api_shows_what_is_stated
from pytest_deploy.gates.asked import not_asked
from pytest_deploy.gates.cells import cells_are_equal
from pytest_deploy.gates.lints import (
    grants_are_as_stated,
    programs_are_safe,
    tables_are_guarded,
)
from pytest_deploy.gates.releases import target_is_free
from pytest_deploy.gates.rows import row_counts_agree
from pytest_deploy.gates.schema import schema_is_complete

NOTHING = not_asked("Supabase", "[access]")


def test_target_is_free(gate, deploy, supabase, lease_looked_at):
    """Nobody else deploys to the target; what a dead one holds there is taken over knowingly."""
    if lease_looked_at is None:
        gate.judge(NOTHING)
        return
    gate.judge(target_is_free(supabase.database, lease_looked_at, deploy.options.take_over))


def test_target_is_ready(gate, target_looked_at):
    """Services answer and take the keys; role, versions and room are what the plan needs."""
    gate.judge(target_looked_at or NOTHING)


def test_nothing_of_others_is_there(gate, others_looked_for):
    """No table or view of the app's names stands on the target, unless it may be replaced."""
    gate.judge(others_looked_for or NOTHING)


def test_staged_rows_agree(gate, staged_rows):
    """Each table has as many rows in staging as the source, less those in quarantine."""
    gate.judge(row_counts_agree(staged_rows) if staged_rows is not None else NOTHING)


def test_staged_cells_match(gate, staged_cells):
    """Every cell of every row in staging is that of the source, before anything is moved."""
    gate.judge(cells_are_equal(staged_cells) if staged_cells is not None else NOTHING)


def test_release_is_complete(gate, prepared, staging_constrained, access_granted):
    """What stands in its place is the plan: tables, keys, indexes, views, triggers, functions."""
    if access_granted is None:
        gate.judge(NOTHING)
        return
    gate.judge(schema_is_complete(prepared.plan, access_granted.database, staging_constrained))


def test_tables_are_guarded(gate, access_granted):
    """Row level security is on for every table that the API reaches."""
    gate.judge(tables_are_guarded(access_granted.database) if access_granted else NOTHING)


def test_grants_are_as_stated(gate, deploy, prepared, access_granted):
    """Each role has the rights that [access] states, table by table, and no others."""
    if access_granted is None:
        gate.judge(NOTHING)
        return
    access = deploy.settings.api
    gate.judge(grants_are_as_stated(prepared.plan, access_granted.database, access))


def test_programs_are_safe(gate, access_granted):
    """No view or function shows or does more than its caller may."""
    gate.judge(programs_are_safe(access_granted.database) if access_granted else NOTHING)


def test_api_shows_what_is_stated(gate, deploy, prepared, access_granted):
    """REST, asked over HTTP, answers anon and the secret key as [access] states."""
    if access_granted is None:
        gate.judge(NOTHING)
        return
    gate.judge(api_shows_what_is_stated(access_granted, prepared.plan, deploy.settings.api))
