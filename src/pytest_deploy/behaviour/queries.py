"""The app's own statements: each runs on both sides, and must come to the same."""

from __future__ import annotations

import json
import re
import sqlite3
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING

from pytest_deploy.errors import ConfigError
from pytest_deploy.schema.tokens import tokens

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
        arguments: Its parameters by name; those that are only counted are called `p1`, `p2`.
        postgres: As the app will give it to Postgres; empty to translate what SQLite is given.
        counted: Whether its parameters are counted: `?` for SQLite, `%s` for Postgres.
    """

    name: str
    sql: str
    arguments: dict[str, RawValue] = field(default_factory=dict)
    postgres: str = ""
    counted: bool = False


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
    if not isinstance(arguments, dict | list):
        raise _unreadable(path, f"the args of {name} are neither a JSON object nor a JSON list")
    sql, postgres = "\n".join(lines).strip().rstrip(";"), said.get("postgres", "").rstrip(";")
    if isinstance(arguments, dict):
        return AppQuery(name, sql, arguments, postgres)
    named = {f"p{n}": value for n, value in enumerate(arguments, 1)}
    return AppQuery(name, _with_names(sql), named, postgres, counted=True)


def _with_names(sql: str) -> str:
    """Give `?` and `?2` the names of what they stand for."""
    found, last, at, made = list(tokens(sql)), 0, 0, ""
    for token, following in zip_longest(found, found[1:]):
        if token.text != "?":
            continue
        numbered = following is not None and following.start == token.end
        number = following.text if numbered and following and following.text.isdecimal() else ""
        last = int(number) if number else last + 1
        made += f"{sql[at : token.start]}:p{last}"
        at = token.end + len(number)
    return made + sql[at:]


def _unreadable(path: Path, problem: str) -> ConfigError:
    return ConfigError(
        f"queries {path}",
        problem=f"expected SQL statements, {problem}",
        where="deploy.toml, [behaviour] queries",
        remedy="end each statement with a semicolon; see README, Behaviour",
    )
