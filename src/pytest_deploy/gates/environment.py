"""Is everything there that the deployment needs: tools, versions, disk, the same Postgres."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from typing import TYPE_CHECKING

from pytest_deploy.findings import Finding, Severity
from pytest_deploy.gates.verdict import Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_deploy.config import EnvSettings
    from pytest_deploy.providers.postgres.base import Server

OLDEST_PYTHON = (3, 11)
OLDEST_SQLITE = (3, 37, 0)  # PRAGMA table_list, STRICT tables
OLDEST_POSTGRES = 15  # security_invoker views, the oldest that Supabase hosts
DISK_FACTOR = 3  # rows, indexes, WAL: each about as large as the source
# Seen with 298,505 rows: the copies that are adapted and carried back are files of their own, and
# with Supabase there are three databases.
_REHEARSAL_FACTOR = {False: 8, True: 15}


def tools_are_recent(server: Server) -> Verdict:
    """
    Compare the versions of what does the work with the oldest supported.

    Args:
        server: The Postgres that the rehearsal runs on.

    Returns:
        One problem for each tool that is too old.
    """
    python, sqlite = sys.version_info[:2], sqlite3.sqlite_version_info
    versions = (
        ("Python", python, OLDEST_PYTHON),
        ("SQLite", sqlite, OLDEST_SQLITE),
        ("Postgres", (server.major,), (OLDEST_POSTGRES,)),
    )
    return Verdict(
        examined=len(versions),
        unit="tools",
        problems=tuple(
            f"{name} {_dotted(seen)} is too old: {_dotted(oldest)} is the oldest supported"
            for name, seen, oldest in versions
            if seen < oldest
        ),
        measured={name.lower(): _dotted(seen) for name, seen, _ in versions},
    )


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def disk_is_large_enough(
    folders: tuple[Path, ...], source_bytes: int, *, with_project: bool
) -> Verdict:
    """
    Compare free space with what a rehearsal needs.

    Args:
        folders: Where snapshot, database and evidence are written.
        source_bytes: The size of the source database.
        with_project: Whether a Supabase is rehearsed, a backup of it, and its way back.

    Returns:
        One problem for each folder with too little room.
    """
    needed = _REHEARSAL_FACTOR[with_project] * source_bytes
    free = {folder: shutil.disk_usage(folder).free for folder in folders}
    return Verdict(
        examined=len(free),
        unit="folders",
        problems=tuple(
            f"{folder}: {found:,} bytes free, {needed:,} needed"
            for folder, found in free.items()
            if found < needed
        ),
        measured={"needed_bytes": needed, "free_bytes": min(free.values())},
    )


def findings_on_version(env_name: str, env: EnvSettings, server: Server) -> tuple[Finding, ...]:
    """
    Compare the rehearsal's Postgres with the one that an env will have.

    Args:
        env_name: The env's name.
        env: Its settings.
        server: The rehearsal's Postgres.

    Returns:
        A risk where the major versions differ; nothing where the env names none.
    """
    if env.postgres_major in (None, server.major):
        return ()
    message = f"{env_name} has Postgres {env.postgres_major}, the rehearsal ran on {server.major}"
    return (Finding("postgres_major_differs", Severity.RISK, f"env.{env_name}", message),)
