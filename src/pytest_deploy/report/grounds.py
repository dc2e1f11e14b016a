"""Says what a rehearsal, or a deployment, rests on: files, findings, versions, required gates."""

from __future__ import annotations

import hashlib
import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_deploy import __version__
from pytest_deploy.engine.checkout import checkout_of
from pytest_deploy.engine.opening import fingerprint_of
from pytest_deploy.engine.phases import CHANGING, PHASES, SUITES
from pytest_deploy.engine.seal import Grounds
from pytest_deploy.gates.required import required_gates

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_deploy.config import Settings
    from pytest_deploy.findings import Finding
    from pytest_deploy.transfer.snapshot import Snapshot

_CODE = ("pytest_deploy", "pytest_deploy.fixtures", "pytest_deploy.suites")


def grounds_of(
    settings: Settings,
    env: str,
    evidence: Path,
    *,
    postgres: int | None,
    findings: tuple[Finding, ...] = (),
    schema_lock: Path | None = None,
) -> Grounds:
    """
    Say what a rehearsal, or a deployment, rests on.

    Args:
        settings: The configuration, read from a file.
        env: The target.
        evidence: The folder of all releases: what is in it is no part of the working tree.
        postgres: The major version of the Postgres; None where it is not known.
        findings: What was found.
        schema_lock: The frozen plan that is gone by; None for the one beside the configuration.

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
        inputs={
            _named(path, folder): _digest(path) for path in _inputs(settings, folder, schema_lock)
        },
        accepted=tuple(
            sorted(
                f"{f.code} {f.object}: {f.settled_by or 'open'}"
                for f in findings
                if f.settled_by or f.blocks
            )
        ),
        versions={
            "package": __version__,
            "gates": _digest(*_code()),
            "Postgres": "unknown" if postgres is None else str(postgres),
        },
        required=tuple(
            f"{phase}:{gate}"
            for phase in PHASES
            if phase in CHANGING
            for gate in sorted(required_gates(_suites(), phase))
        ),
    )


def fingerprint(grounds: Grounds | None, snapshot: Snapshot) -> str:
    """
    Tell a deployment from any other: a second one of the same has nothing to do.

    Args:
        grounds: Its files and versions; a commit that changes none of them changes nothing.
        snapshot: Its source, as the app wrote it.

    Returns:
        A SHA-256, in hex.
    """
    files = [(one.path, one.size_bytes, one.mtime_ns) for one in snapshot.uploads]
    told = (grounds.app, dict(grounds.inputs), dict(grounds.versions)) if grounds else ()
    return fingerprint_of(told, snapshot.fingerprint, files)


def _inputs(settings: Settings, folder: Path, schema_lock: Path | None) -> Iterator[Path]:
    """
    List the files that decide what is deployed, and what is asked of it.

    Also those that git may have been told to ignore.
    """
    policies = settings.access.policies if settings.access else None
    files = (settings.path, schema_lock or settings.schema_lock, settings.queries, policies)
    yield from (path for path in files if path is not None and path.is_file())
    for inside, kind in ((settings.expectations, "*.json"), (_journeys(settings), "*")):
        if inside is not None:
            yield from _below(inside, kind)
    yield from folder.glob("conftest.py")
    yield from _below(folder / SUITES, "*.py")


def _journeys(settings: Settings) -> Path | None:
    return settings.gates.load.folder if settings.gates.load else None


def _below(folder: Path, kind: str) -> Iterator[Path]:
    """List what a folder holds, at any depth: journeys import and read what lies beside them."""
    for path in sorted(folder.rglob(kind)):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path


def _named(path: Path, folder: Path) -> str:
    """Name a file from the configuration's folder, also one outside: no two have the same name."""
    return Path(os.path.relpath(path.absolute(), folder)).as_posix()


def _code() -> Iterator[Path]:
    """List the package's own files: what gates ask is done all over it."""
    folders = [Path(str(import_module(name).__file__)).parent for name in _CODE]
    for folder in folders:
        others = [other for other in folders if other != folder and other.is_relative_to(folder)]
        for path in sorted(folder.rglob("*.py")):
            if not any(path.is_relative_to(other) for other in others):
                yield path


def _suites() -> Path:
    return Path(str(import_module("pytest_deploy.suites").__file__)).parent


def _digest(*paths: Path) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
