"""Names: quoting for both databases, and short ones for Postgres that never change."""

from __future__ import annotations

import hashlib
import re

LONGEST_BYTES = 63
SYSTEM_COLUMNS = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")


def quoted(name: str) -> str:
    """
    Quote an identifier, always: both databases read it alike then.

    Args:
        name: Any name.

    Returns:
        The name in double quotes.
    """
    return '"' + name.replace('"', '""') + '"'


def quoted_list(names: tuple[str, ...]) -> str:
    """
    Quote several identifiers for a column list.

    Args:
        names: Any names.

    Returns:
        The quoted names with commas between.
    """
    return ", ".join(quoted(name) for name in names)


def literal(text: str) -> str:
    """
    Write a string as a literal that both databases read alike.

    Args:
        text: Any text without NUL.

    Returns:
        The literal; with a backslash inside it is Postgres' `E''` form only when needed there.
    """
    return "'" + text.replace("'", "''") + "'"


def fitted(name: str, *, also: str = "") -> str:
    """
    Give the name that Postgres will carry: itself, or a short form that is always the same.

    Args:
        name: The name wanted.
        also: An ending to keep, such as `_pkey`.

    Returns:
        At most 63 bytes: `name + also`, or its beginning, a hash of the whole, and the ending.

    Source: https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS
    """
    whole = name + also
    if len(whole.encode()) <= LONGEST_BYTES:
        return whole
    ending = "_" + hashlib.sha256(whole.encode()).hexdigest()[:8] + also
    room = LONGEST_BYTES - len(ending.encode())
    return name.encode()[:room].decode(errors="ignore") + ending


def column_name(name: str) -> str:
    """
    Give the name that a column carries in Postgres.

    Args:
        name: Its name in SQLite.

    Returns:
        The fitted name; one that Postgres keeps for its system columns gets a trailing underscore.
    """
    return fitted(name + "_") if name in SYSTEM_COLUMNS else fitted(name)


class Names:
    """
    Hands out names that are unique within one Postgres schema.

    Tables, indexes and the indexes of constraints share one name space there.
    """

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, wanted: str) -> str:
        """
        Reserve a name.

        Args:
            wanted: The name that would be best.

        Returns:
            That name fitted to 63 bytes; with a number behind it where it was taken.
        """
        name, number = fitted(wanted), 0
        while name in self._taken:
            number += 1
            name = fitted(wanted, also=str(number))
        self._taken.add(name)
        return name
