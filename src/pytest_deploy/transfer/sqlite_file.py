"""What a file is before SQLite is let near it, and who else is using it."""

from __future__ import annotations

import fcntl
import math
import os
import struct
from collections import Counter
from typing import TYPE_CHECKING

from pytest_deploy.errors import SourceError

if TYPE_CHECKING:
    from pathlib import Path

HEADER = b"SQLite format 3\0"
WHERE = "--source, or deploy.toml, [source] database"
_HEAD_BYTES = 4096
_RANDOM_BITS_PER_BYTE = 7.0  # of 8: text is below 6, what is encrypted or compressed above 7
# Source: https://www.sqlite.org/src/file/src/os.h (locking bytes) and wal.c (shared memory)
_PENDING_BYTE, _LOCK_BYTES = 0x40000000, 2 + 510
_WAL_LOCK_BYTE, _WAL_LOCKS = 120, 8
_FLOCK = struct.Struct("hhqqi4x")
_DATABASE_ENDINGS = (".db", ".db3", ".sqlite", ".sqlite3")


def inspect(path: Path) -> None:
    """
    Make sure that a file is a SQLite database, by its first bytes.

    Args:
        path: The file.

    Raises:
        SourceError: It is missing, a folder, empty, text, encrypted, or may not be read.
    """
    try:
        if path.is_dir():
            raise _not_a_database(path, "a folder", "name the database file inside it")
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except FileNotFoundError:
        raise _not_a_database(path, "no file", "check the path; has the app run yet?") from None
    except OSError as error:
        remedy = "give the account that runs this the right to read it"
        raise _not_a_database(path, f"one that cannot be read: {error.strerror}", remedy) from None
    if not head.startswith(HEADER):
        raise _not_a_database(path, *_kind(head))


def _kind(head: bytes) -> tuple[str, str]:
    if not head:
        return (
            "an empty file (0 bytes)",
            "this may be a decoy: look for the database that is in use",
        )
    if b"\0" not in head and _is_text(head):
        return (
            "a text file",
            "an SQL dump has to be read into a database first: sqlite3 new.db < dump",
        )
    counts = Counter(head)
    bits = -sum(n / len(head) * math.log2(n / len(head)) for n in counts.values())
    if bits > _RANDOM_BITS_PER_BYTE:
        return (
            "an encrypted file (SQLCipher or the like)",
            "export it in clear first, then try again",
        )
    return "another kind of binary file", "name the SQLite database of the app"


def _is_text(head: bytes) -> bool:
    # A letter of several bytes may be cut in two at the end.
    return any(_decodes(head[: len(head) - cut]) for cut in range(4))


def _decodes(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _not_a_database(path: Path, seen: str, remedy: str) -> SourceError:
    return SourceError(
        f"database {path}",
        problem=f"expected a SQLite database, seen {seen}",
        where=WHERE,
        remedy=remedy,
    )


def is_in_use(path: Path) -> bool:
    """
    Tell whether another process has the database open, by the locks that SQLite holds on it.

    Args:
        path: The database.

    Returns:
        Whether a lock is held on it or on its shared memory. An idle connection that does not use
        the WAL holds none: changes are looked for after copying as well.

    Source: https://www.sqlite.org/lockingv3.html
    """
    shared_memory = path.with_name(path.name + "-shm")
    return _locked(path, _PENDING_BYTE, _LOCK_BYTES) or (
        shared_memory.exists() and _locked(shared_memory, _WAL_LOCK_BYTE, _WAL_LOCKS)
    )


def _locked(path: Path, start: int, length: int) -> bool:
    # Asking for the lock that conflicts with every other, without taking it.
    wanted = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, start, length, 0)
    with path.open("rb") as file:
        found = fcntl.fcntl(file, fcntl.F_GETLK, wanted)
    return bool(_FLOCK.unpack(found)[0] != fcntl.F_UNLCK)


def decoys(database: Path) -> tuple[Path, ...]:
    """
    Find empty files beside a database that look like databases.

    Args:
        database: The database.

    Returns:
        Files of 0 bytes with the ending of a database, sorted.
    """
    beside = database.parent.iterdir()
    return tuple(
        sorted(
            path
            for path in beside
            if path.suffix.lower() in _DATABASE_ENDINGS
            and path.name != database.name
            and path.is_file()
            and not path.stat().st_size
        )
    )
