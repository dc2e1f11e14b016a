"""Writes `report.json`, which machines read; `schema.json` beside this file documents it."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pytest_deploy import __version__
from pytest_deploy.errors import EvidenceError
from pytest_deploy.files import write_whole
from pytest_deploy.load.results import told as load_told
from pytest_deploy.report.plan import told as plan_told
from pytest_deploy.report.plan import write_plan
from pytest_deploy.retrying import retries

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_deploy.report.session import Session

FORMAT = 1
REPORT = "report.json"


def write_report(session: Session, told: Mapping[str, Any]) -> Path:
    """
    Write the report, whole or not at all, and let `latest` name the release.

    Args:
        session: The run.
        told: What `report` gave.

    Returns:
        The file.

    Raises:
        EvidenceError: It cannot be written.
    """
    path = session.release.folder / REPORT
    try:
        write_whole(path, json.dumps(told, ensure_ascii=False, indent=2) + "\n")
        write_plan(session)
        session.release.become_latest()
    except OSError as error:
        raise EvidenceError(
            f"report {path}",
            problem=f"cannot be written: {error.strerror}",
            where="--evidence",
            remedy="free disk space or name another folder, and run again",
        ) from None
    return path


def report(session: Session, history: list[dict[str, Any]]) -> dict[str, Any]:
    """
    Tell a run as JSON does.

    Args:
        session: The run.
        history: The last releases of the same app and env, oldest first.

    Returns:
        What `schema.json` describes.
    """
    missing = {phase: sorted(session.missing(phase)) for phase in session.results.phases}
    return {
        "format": FORMAT,
        "package": {"name": "pytest-deploy", "version": __version__},
        "release": session.release.id,
        "env": session.options.env,
        "app": session.settings.app.name,
        "phases": list(session.results.phases),
        "verdict": session.verdict().value,
        "started_at": session.began_at,
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "source": str(session.settings.source.database),
        "target": session.target,
        "configuration": {
            "digest": session.settings.digest,
            "borrowed": session.settings.borrowed or session.settings.path is None,
            "suites": list(session.suites_named),
        },
        "gates": [asdict(gate) for gate in session.results.gates],
        "gates_missing": {phase: names for phase, names in missing.items() if names},
        "seal": asdict(session.seal) if session.seal else None,
        "red_twins": session.red_twins.as_report() if session.red_twins else None,
        "findings": [asdict(finding) for finding in session.findings],
        "schema": asdict(session.fidelity) if session.fidelity else {"kinds": [], "not_kept": []},
        "tables": [asdict(table) for table in session.tables],
        "plan": plan_told(session),
        "load": load_told(session.load) if session.load else None,
        "steps": [asdict(entry) for entry in session.journal.entries],
        "deployment": _deployment(session),
        "access": [asdict(right) for right in session.access],
        "retries": [
            {"what": what, "error": error, "times": times}
            for (what, error), times in sorted(retries().items())
        ],
        "history": history,
        "trouble": session.trouble,
        "timings_s": {name: round(s, 3) for name, s in session.timings_s.items()},
    }


def _deployment(session: Session) -> dict[str, Any] | None:
    opened = session.opened
    if opened is None:
        return None
    entries = session.release_deployment.journal.entries
    return {
        "release": opened.id,
        "how": opened.how.value,
        "steps": [asdict(entry) for entry in entries],
    }
