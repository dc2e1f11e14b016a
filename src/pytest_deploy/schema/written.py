"""Writes a text that people review and commit: whole or not at all, and only where it changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.errors import LockError
from pytest_deploy.files import write_whole

if TYPE_CHECKING:
    from pathlib import Path


def written(path: Path, text: str, *, subject: str, where: str) -> bool:
    """
    Write a file, so that nobody reads half of it.

    Args:
        path: The file; its folder is made where there is none.
        text: What it is to say.
        subject: What it is, for messages.
        where: What decides its place, for messages.

    Returns:
        Whether the file is another one now.

    Raises:
        LockError: It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.read_bytes() == text.encode():
            return False
        write_whole(path, text)
    except OSError as error:
        raise LockError(
            subject,
            problem=f"expected a file that can be written, seen: {error.strerror}",
            where=where,
            remedy="name another file or folder, or give this account the right to write there",
        ) from None
    return True
