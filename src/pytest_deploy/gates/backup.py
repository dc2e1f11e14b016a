"""Is what stood on the target kept, before anything of it is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.findings import Finding, Severity
from pytest_deploy.gates.verdict import Verdict
from pytest_deploy.transfer.backup import FOLDER, MANIFEST, sha256_of

if TYPE_CHECKING:
    from pytest_deploy.transfer.backup import Backup

_HEAD = b"age-encryption.org/v1\n"
_REMEDY = "free disk space, and deploy again; see runbooks/backup.md"
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
    problems = []
    for kept in backup.files:
        path = backup.folder / kept.name
        if sha256_of(path) != kept.sha256:
            problems.append(f"{kept.name}: missing, or another one than was written")
            continue
        with path.open("rb") as file:
            if file.read(len(_HEAD)) != _HEAD:
                problems.append(f"{kept.name}: not encrypted with age")
    return Verdict(
        examined=len(backup.files),
        unit="files",
        problems=tuple(problems),
        measured={
            "size_bytes": sum(kept.size_bytes for kept in backup.files),
            "schemas": len(backup.schemas),
        },
        evidence=tuple(f"{FOLDER}/{name}" for name in (*(k.name for k in backup.files), MANIFEST)),
        remedy=_REMEDY,
    )
