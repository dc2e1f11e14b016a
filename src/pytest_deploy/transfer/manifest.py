"""What is uploaded: every file with its hash, its type, and where it goes to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Entry:
    """
    One file.

    Args:
        path: Relative to the uploads folder, with `/` between.
        size_bytes: Its size.
        sha256: Of its content, in hex.
        mime: Its MIME type, by content.
        bucket: Where it goes.
        key: Under which name it is kept there; valid for hosted Storage, and unique.
    """

    path: str
    size_bytes: int
    sha256: str
    mime: str
    bucket: str
    key: str


@dataclass(frozen=True)
class Manifest:
    """
    All files of the uploads folder at the moment of the snapshot.

    Args:
        entries: Sorted by path.
    """

    entries: tuple[Entry, ...] = ()

    @property
    def by_path(self) -> dict[str, Entry]:
        """Every entry by its path."""
        return {entry.path: entry for entry in self.entries}
