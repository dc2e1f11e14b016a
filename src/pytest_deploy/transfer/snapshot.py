"""
A consistent copy of the database, WAL included, taken without touching the original.

Without a live writer the files are copied and only the copy is ever opened: even a read-only
connection to a left-over WAL would write beside it. With one, SQLite's online backup reads.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import sqlite3
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from pytest_deploy.errors import SnapshotError, SourceError
from pytest_deploy.transfer.sqlite_file import WHERE, inspect, is_in_use
from pytest_deploy.transfer.uploads import UploadedFile, list_uploads

if TYPE_CHECKING:
    from pathlib import Path

_NAME = "snapshot.db"
_BESIDE = ("", "-wal", "-journal")
_BACKUP_PAGES = 1_000
_RETRY_S = 0.1
_PROBLEMS = 100
_COLLATION = re.compile(r"(?i)\bCOLLATE\s+(?:\"([^\"]+)\"|`([^`]+)`|\[([^\]]+)\]|([\w$]+))")
_BUILT_IN = frozenset({"BINARY", "NOCASE", "RTRIM"})
# What integrity_check says of rows that break a rule of the schema: a finding, not damage.
_RULE_BROKEN = re.compile(
    r"NULL value in |CHECK constraint failed in |non-unique entry in index |non-(?:INTEGER|REAL|"
    r"NUMERIC|TEXT|BLOB|INT|ANY) value in |(?:NUMERIC|TEXT) value in "
)


@dataclass(frozen=True)
class Snapshot:
    """
    A copy of the source that never changes again; it can be sent to worker processes.

    Args:
        path: One SQLite file.
        taken_at: When, in UTC.
        method: `copy` of the files, or online `backup`.
        size_bytes: The copy's size.
        fingerprint: The copy's SHA-256.
        uploads: The files of the uploads folder at that moment.
        integrity: What SQLite's integrity check says of damage; empty where there is none.
        collations: Collations that the schema names and SQLite does not have.
    """

    path: Path
    taken_at: datetime
    method: Literal["copy", "backup"]
    size_bytes: int
    fingerprint: str
    uploads: tuple[UploadedFile, ...] = ()
    integrity: tuple[str, ...] = ()
    collations: tuple[str, ...] = ()

    def connect(self, text_errors: str = "strict") -> sqlite3.Connection:
        """
        Open the copy for reading.

        Args:
            text_errors: What is done with text that is not UTF-8, see `bytes.decode`.

        Returns:
            A connection that cannot write to it; unknown collations compare by bytes.
        """
        connection = _open(self.path, "mode=ro&immutable=1")
        for name in self.collations:
            connection.create_collation(name, _by_bytes)
        if text_errors != "strict":
            connection.text_factory = lambda raw: raw.decode(errors=text_errors)
        return connection


def take(
    database: Path, folder: Path, *, uploads: Path | None, lock_timeout_s: float = 5.0
) -> Snapshot:
    """
    Take a snapshot.

    Args:
        database: The original; it is only ever read.
        folder: A private folder for the copy.
        uploads: The uploads folder, listed at the same moment; None where there is none.
        lock_timeout_s: How long to wait for a writer that holds the database, in seconds.

    Returns:
        The snapshot.

    Raises:
        SourceError: It is not a database, damaged beyond reading, or has no tables.
        SnapshotError: It is locked, it kept changing, or there is no room for the copy.
    """
    inspect(database)
    folder.chmod(0o700)
    copy = folder / _NAME
    files = list_uploads(uploads)
    method: Literal["copy", "backup"] = "copy"
    try:
        if is_in_use(database) or not _copied(database, copy):
            method = "backup"
            _back_up(database, copy, lock_timeout_s)
    except OSError as error:
        raise _failed(database, f"the copy failed: {error.strerror}", "free disk space") from None
    taken_at = datetime.now(UTC)
    if list_uploads(uploads) != files:
        problem = "the uploads changed while the snapshot was taken"
        raise _failed(database, problem, "freeze the app, or try again")
    return _described(database, copy, taken_at, method, files)


def _copied(database: Path, copy: Path) -> bool:
    """Copy the files; False where one of them changed meanwhile."""
    before = _states(database)
    for ending in _BESIDE:
        original = database.with_name(database.name + ending)
        if original.exists():
            made = copy.with_name(copy.name + ending)
            shutil.copyfile(original, made)
            made.chmod(0o600)
    if _states(database) == before:
        return True
    for ending in _BESIDE:
        copy.with_name(copy.name + ending).unlink(missing_ok=True)
    return False


def _states(database: Path) -> list[tuple[int, int] | None]:
    found: list[tuple[int, int] | None] = []
    for ending in _BESIDE:
        try:
            state = database.with_name(database.name + ending).stat()
        except FileNotFoundError:
            found.append(None)
        else:
            found.append((state.st_size, state.st_mtime_ns))
    return found


def _back_up(database: Path, copy: Path, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s

    def watch(status: int, _remaining: int, _total: int) -> None:
        # CPython goes on for ever while the database is locked.
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and time.monotonic() > deadline:
            raise TimeoutError

    source = _open(database, "mode=ro", timeout_s=timeout_s)
    target = sqlite3.connect(copy, isolation_level=None)
    copy.chmod(0o600)
    try:
        source.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        source.backup(target, pages=_BACKUP_PAGES, progress=watch, sleep=_RETRY_S)
    except (sqlite3.OperationalError, TimeoutError) as error:
        raise _not_backed_up(database, error, timeout_s) from None
    finally:
        target.close()
        source.close()


def _not_backed_up(database: Path, error: Exception, timeout_s: float) -> SnapshotError:
    code = getattr(error, "sqlite_errorname", "SQLITE_BUSY")
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        problem = f"locked: another process has held it for {timeout_s:g} s"
        return _failed(database, problem, "stop the app or let it finish its transaction")
    remedy = "free disk space" if code == "SQLITE_FULL" else "check the file and its folder"
    return _failed(database, f"the online backup failed ({code})", remedy)


def _described(
    database: Path,
    copy: Path,
    taken_at: datetime,
    method: Literal["copy", "backup"],
    files: tuple[UploadedFile, ...],
) -> Snapshot:
    try:
        collations = _settle(copy)
        tables, integrity = _examine(copy, collations)
    except sqlite3.DatabaseError as error:
        name = getattr(error, "sqlite_errorname", "SQLITE_ERROR")
        raise SourceError(
            f"database {database}",
            problem=f"expected a whole database, seen one that SQLite cannot read ({name})",
            where=WHERE,
            remedy="restore it from a backup, or save what can be saved: sqlite3 file .recover",
        ) from None
    if not tables:
        raise SourceError(
            f"database {database}",
            problem="expected tables, seen a database without any",
            where=WHERE,
            remedy="check that this is the file the app uses",
        )
    size_bytes, fingerprint = copy.stat().st_size, _fingerprint(copy)
    return Snapshot(copy, taken_at, method, size_bytes, fingerprint, files, integrity, collations)


def _settle(copy: Path) -> tuple[str, ...]:
    """Fold WAL and journal into the one file, and name the collations that SQLite lacks."""
    connection = _open(copy, "mode=rw")
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        connection.execute("PRAGMA journal_mode = DELETE").fetchall()
        texts = connection.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")
        named = {
            next(filter(None, found)).upper()
            for (sql,) in texts.fetchall()
            for found in _COLLATION.findall(sql)
        }
    finally:
        connection.close()
    return tuple(sorted(named - _BUILT_IN))


def _examine(copy: Path, collations: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
    connection = _open(copy, "mode=ro&immutable=1")
    connection.text_factory = lambda raw: raw.decode(errors="replace")
    for name in collations:
        connection.create_collation(name, _by_bytes)
    try:
        tables = connection.execute(
            "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite~_%'"
            " ESCAPE '~' AND sql NOT LIKE 'CREATE VIRTUAL%'"
        ).fetchone()[0]
        # An index by a collation that we do not have cannot be checked for its order.
        check = "quick_check" if collations else "integrity_check"
        said = [row[0] for row in connection.execute(f"PRAGMA {check}({_PROBLEMS})")]
    finally:
        connection.close()
    return tables, tuple(line for line in said if line != "ok" and not _RULE_BROKEN.match(line))


def _open(path: Path, options: str, *, timeout_s: float = 0) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(str(path))}?{options}", uri=True, isolation_level=None, timeout=timeout_s
    )


def _by_bytes(one: str, other: str) -> int:
    return (one > other) - (one < other)


def _fingerprint(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _failed(database: Path, problem: str, remedy: str) -> SnapshotError:
    return SnapshotError(f"snapshot of {database}", problem=problem, where=WHERE, remedy=remedy)
