"""Does a release stand as it should, and is its way back there, or given up."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pytest_deploy.engine.opening import ReleaseState
from pytest_deploy.gates.verdict import Verdict
from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.transfer.staging import former_schema

if TYPE_CHECKING:
    from pytest_deploy.engine.opening import Known
    from pytest_deploy.providers.postgres.base import Target

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


def release_stands(known: Known | None, *, retain_hours: float, refused: str = "") -> Verdict:
    """
    Judge what a target knows of its newest release.

    Args:
        known: What it knows.
        retain_hours: How long its way back is kept.
        refused: Why it could not be made complete, where somebody asked for that.

    Returns:
        A problem where nothing was deployed to the end, or it could not be made complete.
    """
    if known is None:
        problem = "expected a release that was deployed, seen none"
        return Verdict(examined=1, unit="release", problems=(problem,), remedy=_REMEDY)
    problems = [refused] if refused else []
    if known.state is ReleaseState.BEGUN:
        problems.append(
            f"release {known.id} of {known.host} is unfinished: go on with pytest -m deploy"
        )
    due = known.changed_at + timedelta(hours=retain_hours)
    kept = f"{due:%Y-%m-%d %H:%M} UTC" if known.state is ReleaseState.RETAINED else "given up"
    return Verdict(
        examined=1,
        unit="release",
        problems=tuple(problems),
        measured={
            "release": known.id,
            "state": known.state.value,
            "since": f"{known.changed_at:%Y-%m-%d %H:%M} UTC",
            "way back kept until": kept,
        },
        remedy=_REMEDY,
    )
