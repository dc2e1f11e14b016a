"""The app's own statements: each runs on both sides, and must come to the same."""

from __future__ import annotations

import json
import re
import sqlite3
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_deploy.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_deploy.schema.kinds import RawValue

_SAID = re.compile(r"^--\s*(name|args|postgres)\s*:\s*(.*)$")


@dataclass(frozen=True)
class AppQuery:
    """
    One statement of the app.

    Args:
        name: How it is called in messages.
        sql: As the app gives it to SQLite.
        arguments: Its named parameters.
        postgres: As the app will give it to Postgres; empty to translate what SQLite is given.
    """

    name: str
    sql: str
    arguments: dict[str, RawValue] = field(default_factory=dict)
    postgres: str = ""


def read_queries(path: Path) -> tuple[AppQuery, ...]:
    """
    Read a file of statements.

    Args:
        path: SQL, each statement ended by a semicolon. Comments before one may say more of it:
            `-- name: unread`, `-- args: {"id": 1}`, `-- postgres: SELECT ..`.

    Returns:
        The statements.

    Raises:
        ConfigError: The file cannot be read, or a comment in it cannot.
    """
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise _unreadable(path, f"it cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _unreadable(path, "it is not UTF-8") from None
    return tuple(_query(path, number, part) for number, part in enumerate(_statements(text), 1))


def _statements(text: str) -> Iterator[str]:
    pending = ""
    for line in text.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
    if any(line.strip() and not line.lstrip().startswith("--") for line in pending.splitlines()):
        yield pending


def _query(path: Path, number: int, part: str) -> AppQuery:
    said: dict[str, str] = {}
    lines: list[str] = []
    for line in part.strip().splitlines():
        found = _SAID.match(line.strip())
        if found:
            said[found[1]] = (said.get(found[1], "") + " " + found[2]).strip()
        else:
            lines.append(line)
    name = said.get("name") or f"statement {number}"
    try:
        arguments = json.loads(said.get("args", "{}"))
    except ValueError:
        raise _unreadable(path, f"the args of {name} are no JSON") from None
    if not isinstance(arguments, dict):
        raise _unreadable(path, f"the args of {name} are no JSON object")
    sql = "\n".join(lines).strip().rstrip(";")
    return AppQuery(name, sql, arguments, said.get("postgres", "").rstrip(";"))


def _unreadable(path: Path, problem: str) -> ConfigError:
    return ConfigError(
        f"queries {path}",
        problem=f"expected SQL statements, {problem}",
        where="deploy.toml, [behaviour] queries",
        remedy="end each statement with a semicolon; see README, Behaviour",
    )
