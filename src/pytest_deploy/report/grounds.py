"""Says what a rehearsal, or a deployment, rests on: files, findings, versions, required gates."""

from __future__ import annotations

import hashlib
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_deploy import __version__
from pytest_deploy.engine.checkout import checkout_of
from pytest_deploy.engine.phases import CHANGING, PHASES
from pytest_deploy.engine.seal import Grounds
from pytest_deploy.gates.required import required_gates

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_deploy.config import Settings
    from pytest_deploy.findings import Finding

_CODE_OF_GATES = ("pytest_deploy.suites", "pytest_deploy.gates")


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
            sorted(
                f"{f.code} {f.object}: {f.settled_by or 'open'}"
                for f in findings
                if f.settled_by or f.blocks
            )
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
