"""Writes keys and settings the way `deploy.toml` wants them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def quoted(text: str) -> str:
    """
    Write a text as a TOML basic string.

    Args:
        text: Any text without lone surrogates.

    Returns:
        The text in double quotes.

    Source: https://toml.io/en/v1.0.0#string
    """
    # JSON's strings are TOML's, but for DEL.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")


def dotted(keys: Iterable[str]) -> str:
    """
    Write a key path, with quotes only where TOML needs them.

    Args:
        keys: From the outermost table inwards.

    Returns:
        The path, such as `schema.columns."usuarios.telefono"`.
    """
    return ".".join(key if _BARE_KEY.fullmatch(key) else quoted(key) for key in keys)


def setting_lines(section: str, name: str, key: str, value: str) -> str:
    """
    Write the lines of `deploy.toml` that settle a finding.

    Args:
        section: Below `[schema]`: `columns`, `foreign_keys` and so on.
        name: The object.
        key: The key.
        value: Its value; `true` and `false` are written as such.

    Returns:
        A table header and one line.
    """
    written = value if value in ("true", "false") else quoted(value)
    return f"[{dotted(('schema', section, name))}]\n{key} = {written}"
