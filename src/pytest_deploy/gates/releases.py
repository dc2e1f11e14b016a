"""Does a release stand as it should, and is its way back there, or given up."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pytest_deploy.engine.opening import ReleaseState
from pytest_deploy.errors import TargetError
from pytest_deploy.gates.canary import leftovers
from pytest_deploy.gates.verdict import Verdict
from pytest_deploy.providers.postgres.base import APPLICATION
from pytest_deploy.providers.postgres.lease import look, refuse_where_held
from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.transfer.staging import former_schema

if TYPE_CHECKING:
    from pytest_deploy.engine.opening import Known
    from pytest_deploy.providers.postgres.base import Target
    from pytest_deploy.providers.postgres.lease import Looked
    from pytest_deploy.providers.supabase.base import Supabase

_REMEDY = "see runbooks/releases.md"
_LEFT = """
SELECT 'release ' || id || ' is ' || state FROM deploy.releases
WHERE id = %(release)s AND state <> 'complete'
UNION ALL
SELECT 'schema %(former)s is still there' WHERE to_regnamespace(%(name)s) IS NOT NULL
UNION ALL
SELECT 'step ' || step || ' still has a way back' FROM (
    SELECT DISTINCT ON (step) step, state FROM deploy.journal
    WHERE release = %(release)s ORDER BY step, id DESC
) AS last WHERE state = 'applied'
"""
_UNDO = "SELECT DISTINCT 'a way back is noted for ' || step FROM deploy.undo WHERE release = %s"
_OURS = """
SELECT nspname FROM pg_namespace
WHERE (nspname = 'deploy_staging' OR starts_with(nspname, 'deploy_former_'))
  AND nspname <> %(kept)s ORDER BY 1
"""
# Of a run that still works is not said that it is left behind.
_SESSIONS = """
SELECT backend_start FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
  AND application_name = %(application)s AND state = 'idle'
  AND state_change < now() - interval '10 minutes' ORDER BY 1
"""
_PUBLISHED = """
SELECT count(*), count(c.oid) FROM deploy.published p LEFT JOIN pg_class c ON c.oid = p.object
WHERE p.release = %s
"""


def way_back_is_given_up(target: Target, release: str, steps: tuple[str, ...]) -> Verdict:
    """
    Look what a release that was made complete has left.

    Args:
        target: The target.
        release: The release's id.
        steps: The steps that were made complete.

    Returns:
        One problem for everything that could still undo it, and where what it published is gone.
    """
    former = former_schema(release)
    asked = {"release": release, "name": quoted(former)}
    with target.connect() as connection:
        left = _LEFT.replace("%(former)s", former)
        problems = [row[0] for row in connection.execute(left.encode(), asked)]
        row = connection.execute("SELECT to_regclass('deploy.undo') IS NOT NULL").fetchone()
        if row and row[0]:
            problems += [row[0] for row in connection.execute(_UNDO, (release,))]
        published, there = connection.execute(_PUBLISHED, (release,)).fetchone() or (0, 0)
    if published != there or not there:
        problems.append(f"{published:,} tables and views were published, {there:,} are there")
    return Verdict(
        examined=len(steps),
        unit="steps",
        problems=tuple(problems),
        measured={"published": there},
        remedy=_REMEDY,
    )


def target_is_free(target: Target, looked: Looked, take_over: str = "") -> Verdict:
    """
    Tell whether somebody else works on a target.

    Args:
        target: The target.
        looked: The lease as it was found.
        take_over: The run that a person says is dead.

    Returns:
        A problem where somebody holds it who may be alive; else a dead holder that is followed.
    """
    problems: tuple[str, ...] = ()
    remedy = _REMEDY
    try:
        refuse_where_held(target, looked, take_over)
    except TargetError as error:
        problems, remedy = (error.problem,), error.remedy
    followed = {} if looked.holder is None or problems else {"follows": str(looked.holder)}
    return Verdict(1, "lease", problems=problems, measured=followed, remedy=remedy)


def release_is_deployed(known: Known | None, *, here: str = "") -> Verdict:
    """
    Judge what a target knows of its newest release.

    Args:
        known: What it knows.
        here: The release that this run deploys: it is kept, or not, when the run ends.

    Returns:
        A problem where nothing was deployed, or not to the end.
    """
    problems: tuple[str, ...] = ()
    if known is None:
        problems = ("expected a release that was deployed, seen none",)
    elif known.state is ReleaseState.BEGUN and known.id != here:
        problems = (f"release {known.id} of {known.host} is unfinished",)
    return Verdict(
        examined=1,
        unit="release",
        problems=problems,
        measured={} if known is None else {"release": known.id, "state": known.state.value},
        remedy=f"deploy, or go on with it: pytest -m deploy; {_REMEDY}",
    )


def way_back_is_known(known: Known | None, *, retain_hours: float, refused: str = "") -> Verdict:
    """
    Tell how long the way back of a release is kept.

    Args:
        known: What the target knows of its newest release.
        retain_hours: How long it is kept at least.
        refused: Why the release could not be made complete, where somebody asked for that.

    Returns:
        A problem where it could not be made complete, or there is no release.
    """
    if known is None:
        problem = "expected a release that was deployed, seen none"
        return Verdict(examined=1, unit="release", problems=(problem,), remedy=_REMEDY)
    due = known.changed_at + timedelta(hours=retain_hours)
    kept = f"{due:%Y-%m-%d %H:%M} UTC, at least"
    return Verdict(
        examined=1,
        unit="release",
        problems=(refused,) if refused else (),
        measured={
            "release": known.id,
            "since": f"{known.changed_at:%Y-%m-%d %H:%M} UTC",
            "way_back": "given up" if known.state is ReleaseState.COMPLETE else kept,
        },
        remedy=_REMEDY,
    )


def nothing_is_left_behind(project: Supabase, known: Known | None) -> Verdict:
    """
    Look for what only a deployment that is under way may have on a target.

    Args:
        project: The target.
        known: What it knows of its newest release.

    Returns:
        One problem for a staging schema, each schema of a release that is over, each idle session,
        for accounts that were made to look around, and for a lease of somebody else.
    """
    kept = known is not None and known.state is not ReleaseState.COMPLETE
    former = former_schema(known.id) if known is not None and kept else ""
    canaries = len(leftovers(project))
    holder = look(project.database).holder
    with project.database.connect() as connection:
        schemas = connection.execute(_OURS, {"kept": former}).fetchall()
        sessions = connection.execute(_SESSIONS, {"application": APPLICATION}).fetchall()
    return Verdict(
        examined=4,
        unit="kinds",
        problems=(
            *(f"schema {name} is still there" for (name,) in schemas),
            *(f"a session of a run since {since:%Y-%m-%d %H:%M} UTC" for (since,) in sessions),
            *([f"{canaries:,} accounts of a gate are still there"] if canaries else []),
            *([f"it is held by {holder}"] if holder else []),
        ),
        remedy=_REMEDY,
    )
