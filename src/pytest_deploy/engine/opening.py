"""
What a target knows of releases: the one that is unfinished, or still has its way back.

It stands in the target, in `deploy.releases` and `deploy.journal`: a machine that lost its folder,
or another one, goes on from there.
"""

from __future__ import annotations

import hashlib
import json
import socket
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from pytest_deploy.errors import TargetError
from pytest_deploy.providers.postgres.lease import changing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import psycopg

    from pytest_deploy.engine.step import Result
    from pytest_deploy.providers.postgres.base import Target

CREATE = """
CREATE TABLE IF NOT EXISTS deploy.releases (
    id text PRIMARY KEY,
    fingerprint text NOT NULL,
    state text NOT NULL CHECK (state IN ('begun', 'retained', 'complete', 'undone')),
    host text NOT NULL,
    began_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now()
)
"""
_RUNBOOK = "runbooks/releases.md"
_NEWEST = """
SELECT id, fingerprint, state, host, changed_at FROM deploy.releases
WHERE state <> 'undone' ORDER BY began_at DESC, id DESC LIMIT 1
"""
_RETAINED = """
UPDATE deploy.releases SET state = 'retained', changed_at = now() WHERE id = %s AND state = 'begun'
"""
_IN_FORCE = """
SELECT step, result FROM (
    SELECT DISTINCT ON (step) step, state, result FROM deploy.journal
    WHERE release = %s ORDER BY step, id DESC
) AS last WHERE state = 'applied'
"""


class Opening(StrEnum):
    """How a deployment begins."""

    FRESH = "fresh"
    TAKEN_UP = "taken up"
    UNCHANGED = "unchanged"


class ReleaseState(StrEnum):
    """What the target says of a release."""

    BEGUN = "begun"
    RETAINED = "retained"
    COMPLETE = "complete"
    UNDONE = "undone"


@dataclass(frozen=True)
class Known:
    """
    A release that the target knows.

    Args:
        id: Its id.
        fingerprint: Of what it deploys.
        state: How far it has come.
        host: The machine that began it.
        changed_at: Since when it is in this state.
    """

    id: str
    fingerprint: str
    state: ReleaseState
    host: str
    changed_at: datetime


@dataclass(frozen=True)
class Opened:
    """
    A deployment as it begins.

    Args:
        id: The release's id in the target: its own, or of the one that it goes on with.
        how: Whether there was something to go on with.
        in_force: What each step gave that is applied already.
    """

    id: str
    how: Opening = Opening.FRESH
    in_force: Mapping[str, Result] = field(default_factory=dict)

    @property
    def is_kept(self) -> bool:
        """Whether exactly this was deployed before, and stays, whatever is seen now."""
        return self.how is Opening.UNCHANGED


def fingerprint_of(*parts: object) -> str:
    """
    Tell what is deployed from anything else.

    Args:
        parts: Digests, versions and settings, as JSON can hold them.

    Returns:
        A SHA-256, in hex.
    """
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def open_release(target: Target, release: str, fingerprint: str) -> Opened:
    """
    Look whether a target has a release to go on with; nothing is changed.

    Args:
        target: The target.
        release: The id for a new one.
        fingerprint: Of what is to be deployed.

    Returns:
        How to begin.

    Raises:
        TargetError: There is another release, unfinished or not complete.
    """
    with target.connect() as connection:
        known = newest(connection)
        if known is None or known.state is ReleaseState.COMPLETE:
            return Opened(release)
        if known.fingerprint != fingerprint:
            raise _another(target, known)
        steps = connection.execute(_IN_FORCE, (known.id,)).fetchall()
    unchanged = known.state is ReleaseState.RETAINED
    how = Opening.UNCHANGED if unchanged else Opening.TAKEN_UP
    return Opened(known.id, how, {step: result or {} for step, result in steps})


def newest(connection: psycopg.Connection) -> Known | None:
    """
    Read what a target knows of its newest release.

    Args:
        connection: To the target.

    Returns:
        The newest one that was not undone; None where there is none.
    """
    row = connection.execute("SELECT to_regclass('deploy.releases') IS NOT NULL").fetchone()
    if not (row and row[0]):
        return None
    found = connection.execute(_NEWEST).fetchone()
    if found is None:
        return None
    release, fingerprint, state, host, changed_at = found
    return Known(release, fingerprint, ReleaseState(state), host, changed_at)


def begin(connection: psycopg.Connection, release: str, fingerprint: str) -> None:
    """
    Note that a release begins.

    Args:
        connection: In the transaction of its first step.
        release: Its id.
        fingerprint: Of what it deploys.
    """
    connection.execute(
        "INSERT INTO deploy.releases (id, fingerprint, state, host) VALUES (%s, %s, 'begun', %s)"
        " ON CONFLICT (id) DO UPDATE SET state = 'begun', changed_at = now()",
        (release, fingerprint, socket.gethostname()),
    )


def settle(connection: psycopg.Connection, release: str, state: ReleaseState) -> None:
    """
    Note what has become of a release.

    Args:
        connection: In the transaction of what made it so.
        release: Its id.
        state: How far it has come.
    """
    connection.execute(
        "UPDATE deploy.releases SET state = %s, changed_at = now() WHERE id = %s",
        (state.value, release),
    )


def retain(target: Target, opened: Opened) -> None:
    """
    Note that a release stays, with its way back.

    Args:
        target: The target.
        opened: The release; one that stayed before is left as it is.
    """
    if not opened.is_kept:
        with changing(target) as connection:
            connection.execute(_RETAINED, (opened.id,))


def _another(target: Target, known: Known) -> TargetError:
    when = f"{known.changed_at:%Y-%m-%d %H:%M} UTC"
    if known.state is ReleaseState.RETAINED:
        seen = f"release {known.id}, which keeps its way back since {when}"
        remedy = "complete it: python -m pytest_deploy release complete --env NAME; or undo it"
    else:
        seen = f"release {known.id} of {known.host}, unfinished since {when}"
        remedy = "go on with what it deployed, from the same source and files; or undo it"
    return TargetError(
        "release",
        problem=f"expected no other release on the target, seen {seen}",
        where=f"{target.url_for_people}, deploy.releases",
        remedy=f"{remedy}: python -m pytest_deploy release undo --env NAME; see {_RUNBOOK}",
    )
