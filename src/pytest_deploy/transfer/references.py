"""
Finds where an app's text refers to an upload, and writes where that is in Storage instead.

Whatever a text is, HTML, Markdown, JSON or a path alone: a reference begins with a prefix of the
app, ends where what encloses it ends, and names a file that is there. Not a byte beside it changes.
"""

from __future__ import annotations

import html
import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_deploy.config.files import FilesSettings
    from pytest_deploy.transfer.manifest import Place

# What closes the enclosure that a character opens.
_CLOSING = {'"': '"', "'": "'", "(": ")", "<": ">", "`": "`"}
_LOOSE = re.compile(r"""[\s"'<>()\[\]{}|,;`\\]""")
_AFTER_PATH = re.compile(r"[?#]")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})|\\(/)")
_PUNCTUATION = ".,:;!"


@dataclass(frozen=True)
class Reference:
    """
    One reference.

    Args:
        begin: Where it begins in the text: at its prefix.
        end: Where the path ends.
        path: The file that it names; None where there is none of that name.
    """

    begin: int
    end: int
    path: str | None


class References:
    """
    Knows the files, and how the app refers to them.

    Args:
        places: Where each file goes, by its path.
        settings: `[files]`.
    """

    def __init__(self, places: Mapping[str, Place], settings: FilesSettings) -> None:
        self._places = places
        self._template = settings.reference
        self._known = {unicodedata.normalize("NFC", path): path for path in places}
        longest_first = sorted(settings.prefixes, key=len, reverse=True)
        alternatives = "|".join(map(_escaped_or_not, longest_first))
        parts = (max(prefix.split("/"), key=len) for prefix in settings.prefixes)
        self._stems = tuple(dict.fromkeys(parts))
        # What follows a letter, a dot or a slash is a part of another address.
        self._prefix = re.compile(rf"(?<![\w./%:-])(?:{alternatives})")

    @property
    def stems(self) -> tuple[str, ...]:
        """Texts of which every reference holds one: the first folder of each prefix."""
        return self._stems

    def find(self, text: str) -> Iterator[Reference]:
        """
        Find all references of a text.

        Args:
            text: Whatever it is.

        Yields:
            Each, from the first to the last one.
        """
        done = 0
        for match in self._prefix.finditer(text):
            if match.start() < done:
                continue
            found = self._at(text, match.start(), match.end())
            if found is not None:
                done = found.end
                yield found

    def rewrite(self, text: str) -> tuple[str, tuple[Reference, ...]]:
        """
        Write every reference anew.

        Args:
            text: Whatever it is.

        Returns:
            The text, and what was found; a reference to no file stays.
        """
        found = tuple(self.find(text))
        parts, done = [], 0
        for one in found:
            if one.path is not None:
                parts += [text[done : one.begin], self.written(one.path)]
                done = one.end
        return "".join((*parts, text[done:])), found

    def alone(self, text: str) -> Reference | None:
        """
        Read a value that is nothing but a reference, with a prefix or without.

        Args:
            text: The value.

        Returns:
            The reference; None where it is none.
        """
        match = self._prefix.match(text)
        begin = match.end() if match else 0
        end = _end_of_path(text, begin, len(text))
        path = self._path(text[begin:end])
        if path is None and not match:
            return None
        return Reference(0, end, path)

    def written(self, path: str) -> str:
        """
        Write a reference.

        Args:
            path: The file.

        Returns:
            What stands in its place: letters that mean the same in every kind of text.
        """
        place = self._places[path]
        return self._template.replace("{bucket}", place.bucket).replace("{key}", place.key)

    def _at(self, text: str, begin: int, start: int) -> Reference | None:
        ends = dict.fromkeys((*_enclosed(text, begin, start), _loose(text, start)))
        for end in ends:
            path_end = _end_of_path(text, start, end)
            path = self._path(text[start:path_end])
            if path is not None:
                return Reference(begin, path_end, path)
        end = _end_of_path(text, start, _loose(text, start))
        bare = start + len(text[start:end].rstrip(_PUNCTUATION))
        path = self._path(text[start:bare])
        return Reference(begin, bare, path) if bare > start else None

    def _path(self, written: str) -> str | None:
        plain = _ESCAPED.sub(_unescaped, written)
        for told in (plain, unquote(plain), unquote(html.unescape(plain))):
            found = self._known.get(unicodedata.normalize("NFC", told))
            if found is not None:
                return found
        return None


def _enclosed(text: str, begin: int, start: int) -> Iterator[int]:
    """Give where the enclosure ends that a reference begins."""
    opening = text[begin - 1 : begin]
    if begin == 0:
        yield len(text)
    closing = _CLOSING.get(opening)
    if closing is None:
        return
    if text[begin - 2 : begin - 1] == "\\":  # within a text of JSON
        closing = f"\\{closing}"
    found = _balanced(text, start) if closing == ")" else text.find(closing, start)
    if found >= 0:
        yield found


def _balanced(text: str, start: int) -> int:
    """Find the parenthesis that closes one before `start`: names may hold some of their own."""
    depth = 1
    for position in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[position], 0)
        if not depth:
            return position
    return -1


def _loose(text: str, start: int) -> int:
    position = start
    while match := _LOOSE.search(text, position):
        if not _ESCAPED.match(text, match.start()):
            return match.start()
        position = match.end() + 1
    return len(text)


def _end_of_path(text: str, start: int, end: int) -> int:
    match = _AFTER_PATH.search(text, start, end)
    return match.start() if match else end


def _unescaped(match: re.Match[str]) -> str:
    return "/" if match[2] else chr(int(match[1], 16))


def _escaped_or_not(prefix: str) -> str:
    return r"\\?/".join(map(re.escape, prefix.split("/")))
