"""What a file is before SQLite is let near it, and who else is using it."""

from __future__ import annotations

import fcntl
import math
import os
import stat
import struct
import sys
from collections import Counter
from typing import TYPE_CHECKING

from pytest_deploy.errors import SourceError

if TYPE_CHECKING:
    from pathlib import Path

HEADER = b"SQLite format 3\0"
WHERE = "--source, or deploy.toml, [source] database"
_HEAD_BYTES = 4096
_RANDOM_BITS_PER_BYTE = 7.0  # of 8: text is below 6, what is encrypted or compressed above 7
_PACKED = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\xfd7zXZ": "xz",
}
# Source: https://www.sqlite.org/src/file/src/os.h (locking bytes), os_unix.c (shared memory)
_PENDING_BYTE, _LOCK_BYTES = 0x40000000, 2 + 510
_WAL_LOCK_BYTE, _WAL_LOCKS = 120, 8
_ENDINGS = (".db", ".db3", ".sqlite", ".sqlite3")


def inspect(path: Path) -> None:
    """
    Make sure that a file is a SQLite database, by its first bytes.

    Args:
        path: The file.

    Raises:
        SourceError: It is missing, a folder, empty, text, encrypted, or may not be read.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise _not_a_database(path, "a folder", "name the database file inside it")
        if not stat.S_ISREG(mode):
            # Opening a pipe would wait for ever.
            raise _not_a_database(path, "a pipe, socket or device", "name a file")
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
        remedy = "this may be a decoy: look for the database that is in use"
        return "an empty file (0 bytes)", remedy
    packed = next((name for magic, name in _PACKED.items() if head.startswith(magic)), None)
    if packed:
        return f"a compressed file ({packed})", "unpack it first"
    if b"\0" not in head and _is_text(head):
        remedy = "an SQL dump has to be read into a database first: sqlite3 new.db < dump"
        return "a text file", remedy
    if _bits_per_byte(head) > _RANDOM_BITS_PER_BYTE:
        remedy = "export it in clear first, then try again"
        return "an encrypted file (SQLCipher or the like)", remedy
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


def _bits_per_byte(head: bytes) -> float:
    counts = Counter(head)
    return -sum(n / len(head) * math.log2(n / len(head)) for n in counts.values())


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

    This process must not have it open itself: closing any descriptor of a file gives up all
    locks that a process holds on it.

    Args:
        path: The database, symbolic links resolved.

    Returns:
        Whether a lock is held on it or on its shared memory. An idle connection that does not use
        the WAL holds none: changes are looked for after copying as well.

    Raises:
        OSError: It may not be read.

    Source: https://www.sqlite.org/lockingv3.html
    """
    shared_memory = path.with_name(path.name + "-shm")
    return _is_locked(path, _PENDING_BYTE, _LOCK_BYTES) or (
        shared_memory.exists() and _is_locked(shared_memory, _WAL_LOCK_BYTE, _WAL_LOCKS)
    )


def _is_locked(path: Path, start: int, length: int) -> bool:
    # Asking for the lock that conflicts with every other, without taking it.
    with path.open("rb") as file:
        found = fcntl.fcntl(file, fcntl.F_GETLK, _flock(fcntl.F_WRLCK, start, length))
    return _lock_type(found) != fcntl.F_UNLCK


# `struct flock` of the C library, in its order of fields.
if sys.platform == "darwin":

    def _flock(kind: int, start: int, length: int) -> bytes:
        return struct.pack("qqihh", start, length, 0, kind, os.SEEK_SET)

    def _lock_type(flock: bytes) -> int:
        return int(struct.unpack("qqihh", flock)[3])

else:

    def _flock(kind: int, start: int, length: int) -> bytes:
        return struct.pack("hhqqi4x", kind, os.SEEK_SET, start, length, 0)

    def _lock_type(flock: bytes) -> int:
        return int(struct.unpack("hhqqi4x", flock)[0])


def decoys(database: Path) -> tuple[Path, ...]:
    """
    Find empty files beside a database that look like databases.

    Args:
        database: The database.

    Returns:
        Files of 0 bytes with the ending of a database, sorted; none where the folder may be
        passed through but not listed.
    """
    try:
        beside = sorted(database.parent.iterdir())
    except PermissionError:
        return ()
    return tuple(path for path in beside if path.name != database.name and _is_decoy(path))


def _is_decoy(path: Path) -> bool:
    return path.suffix.lower() in _ENDINGS and path.is_file() and not path.stat().st_size
