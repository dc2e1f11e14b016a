"""Names that hosted Storage takes, made from paths of uploads: valid, unique, always the same."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# What else hosted Storage allows has a meaning of its own in URLs, or in this package's references.
_OTHER = re.compile(r"[^A-Za-z0-9_/.$@+-]+")
_LONGEST = 900  # bytes, of the 1,024 that S3 allows: a former version may need a folder before it
_HASH_DIGITS = 10


def object_keys(paths: Iterable[str]) -> dict[str, str]:
    """
    Give every file a name in Storage.

    Args:
        paths: Relative to the uploads folder, with `/` between.

    Returns:
        The key of each path. A path that is a key already stays, unless it is too long; of those
        that would get the same one, each but an unchanged one gets a part of its hash.

    Source: https://supabase.com/docs/guides/storage/uploads/file-limits
    """
    plain = {path: _plain(path) for path in paths}
    sharing: dict[str, list[str]] = defaultdict(list)
    for path, key in plain.items():
        sharing[key.casefold()].append(path)
    return {
        path: key
        if _is_whole(key) and (path == key or len(sharing[key.casefold()]) == 1)
        else _hashed(path, key)
        for path, key in plain.items()
    }


def _plain(path: str) -> str:
    letters = unicodedata.normalize("NFKD", path)
    ascii_only = "".join(letter for letter in letters if not unicodedata.combining(letter))
    parts = [_OTHER.sub("-", part) for part in ascii_only.split("/")]
    return "/".join("-" if part in ("", ".", "..") else part for part in parts)


def _is_whole(key: str) -> bool:
    return len(key) <= _LONGEST


def _hashed(path: str, key: str) -> str:
    digest = hashlib.sha256(path.encode(errors="surrogateescape")).hexdigest()[:_HASH_DIGITS]
    folder, slash, name = key.rpartition("/")
    stem, dot, ending = name.rpartition(".")
    if not stem:
        stem, dot, ending = name, "", ""
    room = _LONGEST - len(folder) - len(slash) - len(dot) - len(ending) - len(digest) - 1
    if room < 1:
        return digest
    return f"{folder}{slash}{stem[:room]}-{digest}{dot}{ending}"
