"""Files that are there whole or not at all, whoever reads them, whenever the writer is killed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """
    Write a file beside its place, and move it there at once.

    Args:
        path: The file; one that is there is replaced.
        text: What it is to say, written in UTF-8.

    Raises:
        OSError: It cannot be written.
    """
    draft = path.with_name(f".{path.name}.new")
    # A half of a letter, as a path may hold it, is no UTF-8: it is written by its number.
    draft.write_text(text, encoding="utf-8", errors="backslashreplace")
    draft.replace(path)
