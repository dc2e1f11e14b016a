"""
SQLite's own integrity check of a snapshot, without what is not damage.

Rows that break a rule of the schema are findings. Collations and functions that only the app
knows are stood in for: what depends on them is left unchecked, the rest is not.
"""

from __future__ import annotations

import re
import sqlite3
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import apsw

_PROBLEMS = 100
_ALL = 2**31 - 1
_NAMED = re.compile(
    r"(?i)\bCOLLATE\s*(?:\"([^\"]+)\"|`([^`]+)`|\[([^\]]+)\]|'([^']+)'|(?<=\s)([\w$]+))"
)
_BUILT_IN = frozenset({"BINARY", "NOCASE", "RTRIM"})
_RULE_BROKEN = re.compile(
    r"NULL value in |CHECK constraint failed in |non-unique entry in index |non-(?:INTEGER|REAL|"
    r"NUMERIC|TEXT|BLOB|INT|ANY) value in |(?:NUMERIC|TEXT) value in "
)
_CALLED = re.compile(r"(\w+)\s*\(")  # a table or a type may look the same, which does no harm
_UNKNOWN_FUNCTION = re.compile(
    r"unknown function: [\"`\[]?(.+?)[\"`\]]?\(\)|no such function: [\"`\[]?(.+?)[\"`\]]?"
)


def custom_collations(connection: sqlite3.Connection) -> tuple[str, ...]:
    """
    Name the collations that the schema mentions and SQLite does not have.

    Args:
        connection: A connection to the database; its text must not be read strictly.

    Returns:
        Their names, sorted; perhaps also words that follow COLLATE in a comment, which do no harm.
    """
    texts = connection.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
    named = {"".join(found) for (sql,) in texts for found in _NAMED.findall(sql)}
    return tuple(sorted(name for name in named if name.upper() not in _BUILT_IN))


def register_collations(
    connection: sqlite3.Connection | apsw.Connection, names: Iterable[str]
) -> None:
    """
    Stand in for collations, so that what is declared with them can be read.

    Args:
        connection: Where they are missing.
        names: Their names; they compare by bytes.
    """
    for name in names:
        connection.create_collation(name, _by_bytes)


def damage(connection: sqlite3.Connection, collations: tuple[str, ...]) -> tuple[str, ...]:
    """
    Ask SQLite what is damaged.

    Args:
        connection: A connection to the snapshot; its text must not be read strictly.
        collations: Those that had to be registered: what they put in order cannot be checked.

    Returns:
        What it says, up to a hundred lines; empty where nothing is damaged. No value of a row is
        in it.

    Raises:
        sqlite3.DatabaseError: It is damaged beyond a check.

    Source: https://www.sqlite.org/pragma.html#pragma_integrity_check
    """
    check = "quick_check" if collations else "integrity_check"
    stood_in: set[str] = set()
    while True:
        try:
            return tuple(islice(_problems(connection, check), _PROBLEMS))
        except sqlite3.OperationalError as error:
            if not stand_in(connection, error, stood_in):
                raise
            check = "quick_check"


def unknown_function(error: sqlite3.Error) -> str:
    """
    Name the function that SQLite does not have.

    Args:
        error: What SQLite said.

    Returns:
        Its name; empty where the error is another one.
    """
    unknown = _UNKNOWN_FUNCTION.fullmatch(str(error))
    return str(unknown[1] or unknown[2]) if unknown else ""


def stand_in(connection: sqlite3.Connection, error: sqlite3.Error, stood_in: set[str]) -> bool:
    """
    Stand in for a function that only the application has: it gives NULL, which breaks no rule.

    Args:
        connection: Where it is missing.
        error: What SQLite said.
        stood_in: The names of those that were stood in for; the new one is added.

    Returns:
        Whether the error was for a function, and it is there now.
    """
    name = unknown_function(error)
    if not name or name in stood_in:
        return False
    stood_in.add(name)
    connection.create_function(name, -1, _nothing, deterministic=True)
    return True


def stand_in_for_all(connection: apsw.Connection) -> None:
    """
    Stand in for every function that a schema may call and SQLite does not have, before it is asked.

    Args:
        connection: To the database that is written.
    """
    known = {str(row[0]).lower() for row in connection.execute("PRAGMA function_list")}
    texts = connection.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
    called = {name for (sql,) in texts for name in _called(str(sql))}
    for name in sorted(called - known):
        connection.create_scalar_function(name, _nothing, -1, deterministic=True)


def indexes_by_stand_ins(connection: apsw.Connection) -> tuple[str, ...]:
    """
    Name the indexes whose terms a function of the application computes.

    Args:
        connection: Where `stand_in_for_all` has stood in for it.

    Returns:
        Their names, sorted: what was written into them since is not what the application computes.
    """
    listed = connection.execute("PRAGMA function_list").fetchall()
    ours = {str(name).lower() for name, is_built_in, *_ in listed if not is_built_in}
    schema = connection.execute("SELECT type, name, sql FROM sqlite_schema WHERE sql <> ''")
    found = schema.fetchall()
    ours -= {str(name).lower() for kind, name, _ in found if kind == "table"}
    return tuple(
        sorted(str(n) for kind, n, sql in found if kind == "index" and ours & _called(str(sql)))
    )


def _called(sql: str) -> set[str]:
    return {name.lower() for name in _CALLED.findall(sql)}


def _problems(connection: sqlite3.Connection, check: str) -> Iterator[str]:
    # Without a limit of its own: a hundred broken rules must not hide the damage behind them.
    for (said,) in connection.execute(f"PRAGMA {check}({_ALL})"):
        yield from (
            line
            for line in said.splitlines()
            if line not in ("ok", "*** in database main ***") and not _RULE_BROKEN.match(line)
        )


def _by_bytes(one: str, other: str) -> int:
    return (one > other) - (one < other)


def _nothing(*_: object) -> None:
    return None
