"""Files that only the holder of a key can open: encrypted on the way to the disk, with age."""

from __future__ import annotations

import hashlib
import os
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from pytest_deploy.errors import BackupError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from pytest_deploy.secrets import Secret

ENDING = ".age"


@dataclass(frozen=True)
class Kept:
    """
    One file of a backup.

    Args:
        name: In its folder.
        size_bytes: Its size, encrypted.
        sha256: Of the encrypted file, in hex.
    """

    name: str
    size_bytes: int
    sha256: str


def sha256_of(path: Path) -> str:
    """
    Hash a file.

    Args:
        path: The file.

    Returns:
        Its SHA-256, in hex; empty where it is not there.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""


class _Hashing:
    """Hashes what is written, and not what a disk has made of it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.sha256.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


def encrypt(path: Path, recipients: Sequence[str], write: Callable[[IO[bytes]], None]) -> Kept:
    """
    Write an encrypted file; nothing of it is on this disk in the clear.

    Args:
        path: The file.
        recipients: Public keys of age.
        write: Writes what is to be encrypted, from its beginning to its end.

    Returns:
        The file, with the hash of what was written.

    Source: https://age-encryption.org/v1
    """
    import pyrage

    keys = [pyrage.x25519.Recipient.from_str(one) for one in recipients]
    path.touch(mode=0o600)
    with path.open("wb") as file:
        hashing = _Hashing(file)
        with _piped(lambda source: pyrage.encrypt_io(source, hashing, keys)) as sink:
            write(sink)
        file.flush()
        os.fsync(file.fileno())
    return Kept(path.name, path.stat().st_size, hashing.sha256.hexdigest())


def decrypt(path: Path, identity: Secret, read: Callable[[IO[bytes]], None]) -> None:
    """
    Open an encrypted file.

    Args:
        path: The file.
        identity: A private key of age.
        read: Reads what was encrypted.

    Raises:
        BackupError: The key does not open it, or what is in it is damaged.
    """
    import pyrage

    failed: list[BaseException] = []
    try:
        key = pyrage.x25519.Identity.from_str(identity.reveal().strip())
    except (ValueError, pyrage.IdentityError):
        raise _not_opened(path, "expected a private key of age, seen something else") from None
    reading, writing = os.pipe()

    def open_it() -> None:
        with os.fdopen(writing, "wb") as sink, path.open("rb") as source:
            try:
                pyrage.decrypt_io(source, sink, [key])
            except BaseException as error:  # noqa: BLE001 - told where the file was asked for
                failed.append(error)

    thread = threading.Thread(target=open_it, daemon=True)
    thread.start()
    try:
        with os.fdopen(reading, "rb") as clear:
            read(clear)
            clear.read()  # whoever reads may stop before the padding of a tar
    except Exception as error:
        thread.join()
        if failed and not isinstance(failed[0], BrokenPipeError):
            raise _not_opened(
                path, "expected a file that this key opens, seen another one"
            ) from None
        raise error from None
    thread.join()
    if failed:
        raise _not_opened(path, "expected a file that this key opens, seen another one")


@contextmanager
def _piped(encrypting: Callable[[IO[bytes]], None]) -> Iterator[IO[bytes]]:
    failed: list[BaseException] = []
    reading, writing = os.pipe()

    def encrypt_it() -> None:
        with os.fdopen(reading, "rb") as source:
            try:
                encrypting(source)
            except BaseException as error:  # noqa: BLE001 - told where the file is written
                failed.append(error)

    thread = threading.Thread(target=encrypt_it, daemon=True)
    thread.start()
    sink = os.fdopen(writing, "wb")
    try:
        yield sink
    finally:
        with suppress(BrokenPipeError):
            sink.close()
        thread.join()
    if failed:
        raise failed[0]


def _not_opened(path: Path, problem: str) -> BackupError:
    return BackupError(
        f"backup {path.parent.name}, {path.name}",
        problem=problem,
        where="deploy.toml, [backup] identity",
        remedy="name the private half of one of the recipients it was written for;"
        " see runbooks/backup.md",
    )
