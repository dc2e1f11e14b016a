"""One deployment: its id and its evidence folder."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pytest_deploy.errors import EvidenceError

if TYPE_CHECKING:
    from pathlib import Path

LATEST = "latest"


def new_id() -> str:
    """
    Name a run.

    Returns:
        When it begins, in UTC, and four random digits.
    """
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


@dataclass(frozen=True)
class Release:
    """
    One deployment.

    Args:
        id: When it began, in UTC, and four random digits.
        folder: Where its journal, report and evidence are.
    """

    id: str
    folder: Path

    @classmethod
    def begin(cls, evidence: Path, release: str = "") -> Release:
        """
        Name a new release and make its folder.

        Args:
            evidence: The folder of all releases.
            release: Its name; empty for a new one.

        Returns:
            The release.

        Raises:
            EvidenceError: The folder cannot be made or written to.
        """
        release = release or new_id()
        folder = evidence / release
        try:
            folder.mkdir(parents=True)
            probe = folder / ".probe"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise EvidenceError(
                f"evidence folder {evidence}",
                problem=f"expected a folder that can be written, seen: {error.strerror}",
                where="--evidence, default .deploy",
                remedy="name another folder, or give this account the right to write there",
            ) from None
        return cls(release, folder)

    def become_latest(self) -> None:
        """Let `latest` beside the folder name it, in one step; a file of somebody else's stays."""
        link = self.folder.with_name(LATEST)
        if link.exists() and not link.is_symlink():
            return
        fresh = self.folder.with_name(f".{LATEST}-{os.getpid()}")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(self.folder.name)
        fresh.replace(link)
