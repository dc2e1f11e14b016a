"""Seals a green rehearsal, and says what a deployment rests on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_deploy import __version__
from pytest_deploy.engine.checkout import checkout_of
from pytest_deploy.engine.keys import VARIABLE, spot_key
from pytest_deploy.engine.phases import CHANGING, PHASES
from pytest_deploy.engine.seal import SEAL, Grounds, Seal, bounds, write_seal
from pytest_deploy.gates.required import required_gates
from pytest_deploy.report.results import PhaseVerdict
from pytest_deploy.secrets import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_deploy.config import Settings
    from pytest_deploy.findings import Finding
    from pytest_deploy.report.session import Session

_REHEARSAL_PHASE = "predeploy"
_CODE_OF_GATES = ("pytest_deploy.suites", "pytest_deploy.gates")


@dataclass(frozen=True)
class Sealed:
    """
    Whether a rehearsal was sealed.

    Args:
        sealed: Whether it was.
        file: The seal, relative to the evidence folder; empty where there is none.
        key: The public half of the key; empty where there is none.
        reason: Why it was not sealed, or whose seals count where this one does not.
    """

    sealed: bool
    file: str = ""
    key: str = ""
    reason: str = ""


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
    given = environ.get(VARIABLE)
    key = Secret(given) if given else spot_key(session.options.evidence)
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
    )
    rows = {table.name: table.rows_source for table in session.tables}
    return Seal(
        grounds,
        bounds(rows, rule.largest_growth, rule.spare_rows),
        session.release.id,
        datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _counts_for(session: Session, public: str) -> str:
    if public in session.settings.seal.trusted_keys:
        return ""
    return "counts for the rehearsal alone: its key is not among [seal] trusted_keys"


def grounds_of(
    settings: Settings,
    env: str,
    evidence: Path,
    *,
    postgres: int | None,
    findings: tuple[Finding, ...] = (),
) -> Grounds:
    """
    Say what a rehearsal, or a deployment, rests on.

    Args:
        settings: The configuration, read from a file.
        env: The target.
        evidence: The folder of all releases: what is in it is no part of the working tree.
        postgres: The major version of the Postgres; None where it is not known.
        findings: What was found.

    Returns:
        The grounds.
    """
    folder = settings.path.resolve().parent if settings.path else Path.cwd()
    checkout = checkout_of(folder, besides=evidence)
    return Grounds(
        app=settings.app.name,
        env=env,
        commit=checkout.commit,
        clean=checkout.clean,
        inputs={_named(path, folder): _digest(path) for path in _inputs(settings)},
        accepted=tuple(
            sorted(f"{f.code} {f.object}: {f.settled_by}" for f in findings if f.settled_by)
        ),
        versions={
            "package": __version__,
            "gates": _digest(*_code_of_gates()),
            "Postgres": "unknown" if postgres is None else str(postgres),
        },
        required=tuple(
            f"{phase}:{gate}"
            for phase in PHASES
            if phase in CHANGING
            for gate in sorted(required_gates(_suites(), phase))
        ),
    )


def _inputs(settings: Settings) -> Iterator[Path]:
    """List the files that decide what is deployed, and what is asked of it."""
    files = (settings.path, settings.schema_lock, settings.queries)
    yield from (path for path in files if path is not None and path.is_file())
    for folder, kind in ((settings.expectations, "*.json"), (settings.gates.load, "*.py")):
        inside = getattr(folder, "folder", folder)
        if isinstance(inside, Path):
            yield from sorted(inside.glob(kind))


def _named(path: Path, folder: Path) -> str:
    whole = path.resolve()
    return whole.relative_to(folder).as_posix() if whole.is_relative_to(folder) else whole.name


def _code_of_gates() -> Iterator[Path]:
    for name in _CODE_OF_GATES:
        yield from sorted(Path(str(import_module(name).__file__)).parent.rglob("*.py"))


def _suites() -> Path:
    return Path(str(import_module("pytest_deploy.suites").__file__)).parent


def _digest(*paths: Path) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
