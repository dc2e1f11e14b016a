"""Seals a green rehearsal, and takes the seal away after a red one."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pytest_deploy.engine.keys import VARIABLE, new_key
from pytest_deploy.engine.phases import REHEARSING
from pytest_deploy.engine.seal import (
    SEAL,
    Grounds,
    Seal,
    SealFile,
    bounds,
    read_seal,
    write_seal,
)
from pytest_deploy.errors import EvidenceError
from pytest_deploy.report.evidence import REPORT
from pytest_deploy.report.grounds import grounds_of
from pytest_deploy.report.history import recall
from pytest_deploy.report.results import PhaseVerdict, Sealed
from pytest_deploy.secrets import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_deploy.report.session import Session


def seal_path(evidence: Path, env: str) -> Path:
    """
    Say where the seal of the last rehearsal is: there it is overwritten, or removed by a red one.

    Args:
        evidence: The folder of all releases.
        env: The target that was rehearsed for.

    Returns:
        The file.
    """
    return evidence / f"seal-{env}.json"


def find_seal(evidence: Path, app: str, env: str, named: Path | None = None) -> SealFile:
    """
    Read the seal that a deployment goes by.

    A copy of it outlives the red rehearsal that took it away; it counts no more than that.

    Args:
        evidence: The folder of all releases.
        app: The app.
        env: The target.
        named: The seal that was named; None for that of the last rehearsal.

    Returns:
        The seal; why it is none where the same target was rehearsed again since, and not green.
    """
    found = read_seal(named or seal_path(evidence, env))
    if found.seal is None:
        return found
    if later := _not_green_since(evidence, app, env, found.seal.release):
        return SealFile(found.path, problem=f"outdated: rehearsed again since, not green: {later}")
    return found


def _not_green_since(evidence: Path, app: str, env: str, release: str) -> str:
    """Name the last rehearsal after a release, of the configured source, that was not green."""
    try:
        past = recall(evidence)
    except EvidenceError:  # it is told where it is written; here it only ever takes away
        return ""
    later = [
        one.release
        for one in past
        if (one.app, one.env) == (app, env) and one.release > release
        if REHEARSING in one.phase.split(", ") and one.verdict in ("red", "unproven")
        if not _was_borrowed(evidence / one.release / REPORT)
    ]
    return later[-1] if later else ""


def _was_borrowed(report: Path) -> bool:
    try:
        return bool(json.loads(report.read_text(encoding="utf-8"))["configuration"]["borrowed"])
    except (OSError, ValueError, LookupError, TypeError):
        return False


def seal_once(session: Session) -> Sealed | None:
    """
    Seal the rehearsal of a run, if one ran.

    Args:
        session: The run; it takes what came of it.

    Returns:
        What came of it, the same on every call; None where none ran.

    Raises:
        ConfigError: The key is none.
        EvidenceError: The seal cannot be written.
    """
    if session.seal is None:
        session.seal = seal(session, os.environ)
    return session.seal


def seal(session: Session, environ: Mapping[str, str]) -> Sealed | None:
    """
    Seal a rehearsal that is green, and take away the seal before it where it is not.

    Args:
        session: The run.
        environ: The environment, which may hold the key.

    Returns:
        What came of it; None where no rehearsal ran, or but a part of one.

    Raises:
        ConfigError: The key is none.
        EvidenceError: The seal cannot be written.
    """
    if REHEARSING not in session.results.phases:
        return None
    if session.options.plants:
        return Sealed(sealed=False, reason="red twins ran: what plants defects seals nothing")
    verdict = session.results.verdict(REHEARSING, session.required(REHEARSING))
    if verdict is PhaseVerdict.PARTIAL:
        return Sealed(sealed=False, reason="a selection of the gates ran")
    path = seal_path(session.options.evidence, session.options.env)
    if session.settings.path is None or session.settings.borrowed:
        return Sealed(sealed=False, reason="the source is not the one that deploy.toml names")
    if verdict is not PhaseVerdict.GREEN:
        path.unlink(missing_ok=True)
        return Sealed(sealed=False, reason=f"the verdict is {verdict.value}")
    made = _seal_of(session)
    if moved := _moved(session.rests_on, made.grounds):
        path.unlink(missing_ok=True)
        return Sealed(sealed=False, reason=f"changed while it was rehearsed: {moved}")
    given = environ.get(VARIABLE)
    key = Secret(given) if given else new_key()
    write_seal(session.release.folder / SEAL, made, key)
    public = write_seal(path, made, key)
    return Sealed(sealed=True, file=path.name, key=public, reason=_counts_for(session, public))


def _seal_of(session: Session) -> Seal:
    settings, rule = session.settings, session.settings.seal
    grounds = grounds_of(
        settings,
        session.options.env,
        session.options.evidence,
        postgres=session.postgres_major,
        findings=session.findings,
        schema_lock=session.options.schema_lock,
    )
    rows = {table.name: table.rows_source for table in session.tables}
    return Seal(
        grounds,
        bounds(rows, rule.largest_growth, rule.spare_rows),
        session.release.id,
        datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _moved(before: Grounds | None, after: Grounds) -> str:
    """Name what is not as it was when the run began: nobody knows which of both was rehearsed."""
    if before is None:
        return "what it rests on is not known"
    postgres = {**before.versions, "Postgres": after.versions["Postgres"]}
    told = replace(before, versions=postgres)
    names = [
        *(n for n in ("commit", "versions") if getattr(told, n) != getattr(after, n)),
        *(name for name, _ in sorted(before.inputs.items() ^ after.inputs.items())),
    ]
    return ", ".join(dict.fromkeys(names))


def _counts_for(session: Session, public: str) -> str:
    if public in session.settings.seal.trusted_keys:
        return ""
    return "counts for the rehearsal alone: its key is not among [seal] trusted_keys"
