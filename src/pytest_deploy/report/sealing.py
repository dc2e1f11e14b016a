"""Seals a green rehearsal, and takes the seal away after a red one."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pytest_deploy.engine.keys import VARIABLE, new_key
from pytest_deploy.engine.seal import SEAL, Grounds, Seal, bounds, write_seal
from pytest_deploy.report.grounds import grounds_of
from pytest_deploy.report.results import PhaseVerdict, Sealed
from pytest_deploy.secrets import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_deploy.report.session import Session

_REHEARSAL_PHASE = "predeploy"


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
    if _REHEARSAL_PHASE not in session.results.phases:
        return None
    if session.options.plants:
        return Sealed(sealed=False, reason="red twins ran: what plants defects seals nothing")
    verdict = session.results.verdict(_REHEARSAL_PHASE, session.required(_REHEARSAL_PHASE))
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
