"""Is what stood on the target kept, does it come back whole, and fast enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.findings import Finding, Severity
from pytest_deploy.gates.verdict import Verdict
from pytest_deploy.recovery.drill import TEN_TIMES
from pytest_deploy.recovery.manifest import MANIFEST
from pytest_deploy.recovery.shelf import problems_of

if TYPE_CHECKING:
    from datetime import timedelta

    from pytest_deploy.config.backup import BackupSettings
    from pytest_deploy.recovery.drill import Drill
    from pytest_deploy.recovery.restoring import Restored
    from pytest_deploy.recovery.shelf import OnShelf
    from pytest_deploy.recovery.taking import Backup

_HEAD = b"age-encryption.org/v1\n"
_RUNBOOK = "runbooks/backup.md"
_REMEDY = f"free disk space, and deploy again; see {_RUNBOOK}"
_SIGNED_IN = 200
_MINUTE_S, _HOUR_S = 60, 3600
NO_BACKUP = Finding(
    "no_backup",
    Severity.RISK,
    "[backup]",
    "nothing keeps what stands on the target but the release itself, until it is complete",
    setting='[backup]\nrecipients = ["age1..."]',
)


def target_is_backed_up(backup: Backup) -> Verdict:
    """
    Look at the files of a backup, as they lie on disk.

    Args:
        backup: The backup.

    Returns:
        One problem for each that is missing, another one, or not encrypted.
    """
    manifest = backup.manifest
    problems = list(problems_of(backup.folder, manifest))
    for kept in manifest.files:
        path = backup.folder / kept.name
        if not path.is_file():
            continue
        with path.open("rb") as file:
            if file.read(len(_HEAD)) != _HEAD:
                problems.append(f"{kept.name}: not encrypted with age")
    return Verdict(
        examined=len(manifest.files),
        unit="files",
        problems=tuple(problems),
        measured={
            "size_bytes": manifest.size_bytes,
            "schemas": len(manifest.schemas),
            "objects": len(manifest.objects),
        },
        evidence=(f"{backup.folder.name}/{MANIFEST}",),
        remedy=_REMEDY,
    )


def backup_restores(restored: Restored, signed_in: int) -> Verdict:
    """
    Judge what came back.

    Args:
        restored: What was compared.
        signed_in: The status with which a user signed in there.

    Returns:
        One problem for each table and object that is not what was kept, and where nobody signs in.
    """
    problems = list(restored.problems)
    if signed_in != _SIGNED_IN:
        problems.append(f"expected a user to sign in there, seen status {signed_in}")
    return Verdict(
        examined=restored.tables + restored.objects + 1,
        unit="tables, objects and users",
        problems=tuple(problems),
        measured={"tables": restored.tables, "objects": restored.objects},
        remedy=f"this backup would not help: find out why before you deploy; see {_RUNBOOK}",
    )


def recovery_is_within_budget(
    drill: Drill, settings: BackupSettings, usual_s: float | None = None
) -> Verdict:
    """
    Compare what was measured in a drill with what may be.

    Args:
        drill: The drill.
        settings: `[backup]`, with the budgets.
        usual_s: How long drills took before; None where there was none.

    Returns:
        One problem for each budget that is not kept.
    """
    rto_s, rpo_s = settings.rto_minutes * _MINUTE_S, settings.rpo_hours * _HOUR_S
    problems = []
    if drill.rto_s > rto_s:
        problems.append(f"RTO: expected {rto_s:,.0f} s at most, seen {drill.rto_s:,.1f} s")
    if drill.rpo_s > rpo_s:
        problems.append(f"RPO: expected {rpo_s:,.0f} s at most, seen {drill.rpo_s:,.0f} s")
    before = {} if usual_s is None else {"rto_before_s": round(usual_s, 2)}
    return Verdict(
        examined=2,
        unit="budgets",
        problems=tuple(problems),
        measured={
            "rto_s": round(drill.rto_s, 2),
            "rto_budget_s": rto_s,
            "rpo_s": round(drill.rpo_s, 1),
            "rpo_budget_s": rpo_s,
            **before,
            f"rto_with_{TEN_TIMES}_times_the_data_s": round(drill.projected_s, 1),
            **{f"{name}_s": round(spent, 2) for name, spent in drill.seconds.items()},
        },
        remedy="take backups more often, or restore with more workers; else state another budget"
        f" in [backup]; see {_RUNBOOK}",
    )


def backup_is_fresh(found: tuple[OnShelf, ...], settings: BackupSettings) -> Verdict:
    """
    Judge how old the newest backup is.

    Args:
        found: What is on the shelf, the newest first.
        settings: `[backup]`.

    Returns:
        A problem where there is none, none that is young enough, or one is half written.
    """
    whole = [one for one in found if one.manifest is not None]
    problems = [f"{one.folder.name}: {one.problem}" for one in found if one.manifest is None]
    age: timedelta | None = whole[0].manifest.age if whole and whole[0].manifest else None
    if age is None:
        problems.append("expected a backup, seen none")
    elif age.total_seconds() > settings.every_hours * _HOUR_S:
        problems.append(
            f"expected one every {settings.every_hours:g} hours, the newest is"
            f" {age.total_seconds() / _HOUR_S:,.1f} hours old"
        )
    return Verdict(
        examined=max(len(found), 1),
        unit="backups",
        problems=tuple(problems),
        measured={"whole": len(whole)},
        remedy=f"python -m pytest_deploy backup take --env NAME; see {_RUNBOOK}",
    )
