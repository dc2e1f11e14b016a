"""Replaces a file as a whole: whoever looks sees the old or the new one, never half of either."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from pytest_deploy.audit.log import noted
from pytest_deploy.errors import StepError

_WHERE = "[configuration] target of deploy.toml"


def read_plain(file: Path) -> bytes:
    """
    Read a file that may be replaced.

    Args:
        file: No link, and no device.

    Returns:
        What stands in it.

    Raises:
        StepError: It is not there, is something else, or cannot be read.
    """
    try:
        is_plain = stat.S_ISREG(file.lstat().st_mode)
        content = file.read_bytes() if is_plain else b""
    except OSError as error:
        raise _refused(file, error.strerror or "an error", "make it readable") from error
    if not is_plain:
        raise _refused(file, "a link or something else", "name the file itself")
    return content


def replace(file: Path, seen: bytes, content: bytes) -> None:
    """
    Put a new file into the place of an old one; its mode and owner stay.

    Args:
        file: The file.
        seen: What was read from it, on which `content` rests.
        content: What is to stand there.

    Raises:
        StepError: Somebody has changed it since, or it cannot be written.
    """
    try:
        with noted("file", "replace", file.name):
            _replace(file, seen, content)
    except OSError as error:
        raise _refused(file, error.strerror or "an error", "make its folder writable") from error


def _replace(file: Path, seen: bytes, content: bytes) -> None:
    before = file.lstat()
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as beside:
            beside.write(content)
            beside.flush()
            _take_over(beside.fileno(), before)
            os.fsync(beside.fileno())
        _must_be(file, seen)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _settle(file.parent)


def _must_be(file: Path, seen: bytes) -> None:
    if read_plain(file) != seen:
        raise _refused(file, "one that was changed meanwhile", "try again")


def _take_over(descriptor: int, before: os.stat_result) -> None:
    made = os.fstat(descriptor)
    if (made.st_uid, made.st_gid) != (before.st_uid, before.st_gid):
        os.fchown(descriptor, before.st_uid, before.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(before.st_mode))


def _settle(folder: Path) -> None:
    """Make the new name outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refused(file: Path, seen: str, remedy: str) -> StepError:
    return StepError(
        f"file {file.name}",
        problem=f"expected a plain file that may be replaced, seen {seen}",
        where=_WHERE,
        remedy=f"{remedy}; see runbooks/configuration.md",
    )


def copied(file: Path, folder: Path) -> Path:
    """
    Copy a file, for whoever must not touch the original.

    Args:
        file: The file.
        folder: A private folder.

    Returns:
        The copy; only its owner can read it.

    Raises:
        StepError: It cannot be read, or is a link.
    """
    copy = folder / file.name
    content = read_plain(file)
    copy.touch(mode=0o600)
    copy.write_bytes(content)
    return copy
