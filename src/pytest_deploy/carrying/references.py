"""Writes a reference to Storage as the app's reference to an upload again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_deploy.config.files import FilesSettings
    from pytest_deploy.transfer.manifest import Place

_KEY = r"[\w/!.*'$@=;:+%-]+"
_PUNCTUATION = ".,:;!'"


class ReferencesBack:
    """
    Knows which file lies where, and how the app refers to it.

    Args:
        places: Where each file is in Storage, by its path.
        settings: `[files]`: which columns hold references.
    """

    def __init__(self, places: Mapping[str, Place], settings: FilesSettings) -> None:
        self._paths = {self._told(settings, place): path for path, place in places.items()}
        self._prefix = settings.prefixes[0]
        self._alone = frozenset(settings.columns)
        self._texts = frozenset(settings.texts)
        buckets = "|".join(map(re.escape, settings.buckets))
        template = re.escape(settings.reference).replace(r"\{bucket\}", f"(?:{buckets})")
        self._pattern = re.compile(r"(?<![\w./%:-])" + template.replace(r"\{key\}", _KEY))

    @staticmethod
    def _told(settings: FilesSettings, place: Place) -> str:
        return settings.reference.replace("{bucket}", place.bucket).replace("{key}", place.key)

    def back(self, column: str, text: str) -> str:
        """
        Write the references of a value.

        Args:
            column: As `table.column`.
            text: What the target holds.

        Returns:
            What the app would have written; what names no file of ours stays.
        """
        if column in self._alone:
            match = self._pattern.match(text)
            found = self._longest(match.group()) if match else None
            return text if found is None else self._prefix + found[1] + text[len(found[0]) :]
        return self._pattern.sub(self._rewritten, text) if column in self._texts else text

    def _rewritten(self, match: re.Match[str]) -> str:
        found = self._longest(match.group())
        if found is None:
            return match.group()
        # In HTML, Markdown and JSON a name ends where a quote or a space is.
        return self._prefix + quote(found[1]) + match.group()[len(found[0]) :]

    def _longest(self, told: str) -> tuple[str, str] | None:
        """Find the file; what ends a sentence is no part of its name."""
        while told:
            path = self._paths.get(told) or self._paths.get(unquote(told))
            if path is not None:
                return told, path
            if told[-1] not in _PUNCTUATION:
                return None
            told = told[:-1]
        return None
