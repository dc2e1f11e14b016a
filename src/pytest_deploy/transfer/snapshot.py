"""
A consistent copy of the database, WAL included, taken without touching the original.

Without a live writer the files are copied and only the copy is ever opened: even a read-only
connection to a left-over WAL would write beside it. With one, SQLite's online backup reads.
"""

from __future__ import annotations

import errno
import hashlib
import shutil
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, TypeAlias
from urllib.parse import quote

from pytest_deploy.errors import SnapshotError, SourceError
from pytest_deploy.transfer.integrity import custom_collations, damage, register_collations
from pytest_deploy.transfer.sqlite_file import WHERE, inspect, is_in_use
from pytest_deploy.transfer.uploads import UploadedFile, list_uploads

if TYPE_CHECKING:
    from pathlib import Path

Method: TypeAlias = Literal["copy", "backup"]

_NAME = "snapshot.db"
_BESIDE = ("", "-wal", "-journal")
_BACKUP_PAGES = 1_000
_UNCHANGING = "mode=ro&immutable=1"
_RETRY_S = 0.1
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True)
class Snapshot:
    """
    A copy of the source that never changes again; it can be sent to worker processes.

    Args:
        path: One SQLite file.
        taken_at: When, in UTC.
        method: `copy` of the files, or online `backup`.
        size_bytes: The copy's size.
        fingerprint: The copy's SHA-256, in hex.
        uploads: The files of the uploads folder at that moment.
        integrity: What SQLite's integrity check says of damage; empty where there is none.
        collations: Collations that the schema names and SQLite does not have.
    """

    path: Path
    taken_at: datetime
    method: Method
    size_bytes: int
    fingerprint: str
    uploads: tuple[UploadedFile, ...] = ()
    integrity: tuple[str, ...] = ()
    collations: tuple[str, ...] = ()

    @property
    def for_workers(self) -> Snapshot:
        """Itself without the list of uploads: what is sent with every piece of work is small."""
        return replace(self, uploads=())

    def copy_to(self, path: Path) -> None:
        """
        Copy it to where it may be changed.

        Args:
            path: A file that only this account may read.
        """
        path.touch(mode=0o600)
        shutil.copyfile(self.path, path)

    def changed_in(self, path: Path) -> Snapshot:
        """
        Give what became of it in a copy.

        Args:
            path: The copy, as nobody changes it any more.

        Returns:
            Itself, as it is there.
        """
        size, fingerprint = path.stat().st_size, _fingerprint(path)
        return replace(self, path=path, size_bytes=size, fingerprint=fingerprint)

    @property
    def uri(self) -> str:
        """SQLite's address of the copy, for readers that neither lock nor write."""
        return _uri(self.path, _UNCHANGING)

    def connect(self, text_errors: str = "strict") -> sqlite3.Connection:
        """
        Open the copy for reading.

        Args:
            text_errors: What is done with text that is not UTF-8, see `bytes.decode`. Where it is
                `strict`, sqlite3 raises an OperationalError that quotes the text: do not show it.

        Returns:
            A connection that cannot write to it; unknown collations compare by bytes.
        """
        connection = _open(self.path, _UNCHANGING)
        register_collations(connection, self.collations)
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
        folder: A private folder for the copy; made where there is none.
        uploads: The uploads folder, listed at the same moment; None where there is none.
        lock_timeout_s: How long to wait for a writer that holds the database, in seconds.

    Returns:
        The snapshot.

    Raises:
        SourceError: It is not a database, damaged beyond reading, or has no tables.
        SnapshotError: It is locked, it kept changing, or there is no room for the copy.
    """
    inspect(database)
    copy = folder / _NAME
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        files = list_uploads(uploads)
        # SQLite puts the WAL beside the file that a symbolic link leads to.
        method = _transcribe(database.resolve(), copy, lock_timeout_s)
        taken_at = datetime.now(UTC)
        if list_uploads(uploads) != files:
            problem = "the uploads changed while the snapshot was taken"
            raise _failed(database, problem, "freeze the app, or try again")
        collations = _settle(copy)
        tables, integrity = _examine(copy, collations)
        size_bytes, fingerprint = copy.stat().st_size, _fingerprint(copy)
    except OSError as error:
        _discard(copy)
        raise _not_copied(database, folder, error) from None
    except sqlite3.DatabaseError as error:
        _discard(copy)
        raise _refused(database, folder, error, lock_timeout_s) from None
    if not tables:
        raise _without_tables(database)
    return Snapshot(copy, taken_at, method, size_bytes, fingerprint, files, integrity, collations)


def _transcribe(original: Path, copy: Path, timeout_s: float) -> Method:
    if not is_in_use(original) and _copied(original, copy):
        return "copy"
    _back_up(original, copy, timeout_s)
    return "backup"


def _copied(original: Path, copy: Path) -> bool:
    """Copy the files; False where one of them changed meanwhile."""
    before = _states(original)
    for ending in _BESIDE:
        source = original.with_name(original.name + ending)
        if source.exists():
            made = copy.with_name(copy.name + ending)
            made.touch(mode=0o600)
            shutil.copyfile(source, made)
    if _states(original) == before:
        return True
    _discard(copy)
    return False


def _states(original: Path) -> list[tuple[int, int, int] | None]:
    found: list[tuple[int, int, int] | None] = []
    for ending in _BESIDE:
        try:
            state = original.with_name(original.name + ending).stat()
        except FileNotFoundError:
            found.append(None)
        else:
            found.append((state.st_ino, state.st_size, state.st_mtime_ns))
    return found


def _discard(copy: Path) -> None:
    for ending in _BESIDE:
        copy.with_name(copy.name + ending).unlink(missing_ok=True)


def _back_up(original: Path, copy: Path, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s

    def watch(status: int, _remaining: int, _total: int) -> None:
        # Also where signals get their turn. CPython would go on for ever while it is busy.
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and time.monotonic() > deadline:
            raise _locked(original, timeout_s)

    copy.touch(mode=0o600)
    with (
        closing(_open(original, "mode=ro", timeout_s=timeout_s)) as source,
        closing(_open(copy, "mode=rw")) as target,
    ):
        # One reading transaction: else each write in between would start the copy anew.
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        source.backup(target, pages=_BACKUP_PAGES, progress=watch, sleep=_RETRY_S)


def _settle(copy: Path) -> tuple[str, ...]:
    """Fold WAL and journal into the one file, and name the collations that SQLite lacks."""
    with closing(_open(copy, "mode=rw")) as connection:
        connection.text_factory = _tolerant
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        connection.execute("PRAGMA journal_mode = DELETE").fetchall()
        return custom_collations(connection)


def _examine(copy: Path, collations: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
    with closing(_open(copy, _UNCHANGING)) as connection:
        connection.text_factory = _tolerant
        register_collations(connection, collations)
        tables = connection.execute(
            "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite~_%'"
            " ESCAPE '~' AND sql NOT LIKE 'CREATE VIRTUAL%'"
        ).fetchone()[0]
        return tables, damage(connection, collations)


def _open(path: Path, options: str, *, timeout_s: float = 0) -> sqlite3.Connection:
    address = _uri(path, options)
    return sqlite3.connect(address, uri=True, isolation_level=None, timeout=timeout_s)


def _uri(path: Path, options: str) -> str:
    return f"file:{quote(str(path))}?{options}"


def _tolerant(raw: bytes) -> str:
    return raw.decode(errors="replace")


def _fingerprint(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _refused(
    database: Path, folder: Path, error: sqlite3.DatabaseError, timeout_s: float
) -> SourceError:
    """Tell by SQLite's code alone: its texts may quote values."""
    code = getattr(error, "sqlite_errorname", "SQLITE_ERROR")
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return _locked(database, timeout_s)
    if code.startswith(("SQLITE_FULL", "SQLITE_IOERR")):
        problem = f"the copy in {folder} could not be written ({code})"
        return _failed(database, problem, "make room there, or name another place with TMPDIR")
    if code.startswith(("SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_READONLY")):
        problem = f"it is in use, and could not be read along with its user ({code})"
        return _failed(database, problem, "stop the app, or run this as the app's account")
    return SourceError(
        f"database {database}",
        problem=f"expected a whole database, seen one that SQLite cannot read ({code})",
        where=WHERE,
        remedy="restore it from a backup, or save what can be saved: sqlite3 file .recover",
    )


def _not_copied(database: Path, folder: Path, error: OSError) -> SnapshotError:
    if error.errno in _NO_ROOM:
        problem = f"the copy in {folder} could not be written: {error.strerror}"
        return _failed(database, problem, "make room there, or name another place with TMPDIR")
    problem = f"the copy failed: {error.strerror}: {error.filename or folder}"
    return _failed(database, problem, "give the account that runs this the right to read the files")


def _locked(database: Path, timeout_s: float) -> SnapshotError:
    problem = f"locked: another process has held it for {timeout_s:g} s"
    return _failed(database, problem, "stop the app or let it finish its transaction")


def _failed(database: Path, problem: str, remedy: str) -> SnapshotError:
    return SnapshotError(f"snapshot of {database}", problem=problem, where=WHERE, remedy=remedy)


def _without_tables(database: Path) -> SourceError:
    return SourceError(
        f"database {database}",
        problem="expected tables, seen a database without any",
        where=WHERE,
        remedy="check that this is the file the app uses",
    )
