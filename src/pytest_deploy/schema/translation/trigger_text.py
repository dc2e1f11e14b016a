"""Reads CREATE TRIGGER: no PRAGMA tells what is in it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from pytest_deploy.schema.tokens import tokens
from pytest_deploy.schema.translation.values import UntranslatableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_deploy.schema.tokens import Token

_EVENTS = ("DELETE", "INSERT", "UPDATE")


@dataclass(frozen=True)
class TriggerText:
    """
    What a CREATE TRIGGER says.

    Args:
        timing: `BEFORE`, `AFTER` or `INSTEAD OF`.
        event: `INSERT`, `UPDATE` or `DELETE`.
        columns: The columns of UPDATE OF; empty where none are said.
        when: Its condition; None where there is none.
        statements: The SQL of each, without its semicolon.
    """

    timing: str
    event: str
    columns: tuple[str, ...]
    when: str | None
    statements: tuple[str, ...]


@lru_cache(maxsize=1024)
def read_trigger(sql: str) -> TriggerText:
    """
    Read a CREATE TRIGGER.

    Args:
        sql: The statement.

    Returns:
        Its parts.

    Raises:
        UntranslatableError: It could not be read.

    Source: https://www.sqlite.org/lang_createtrigger.html
    """
    found = list(tokens(sql))
    try:
        return _read(found, sql)
    except StopIteration:
        raise UntranslatableError("its syntax") from None


def _read(found: Sequence[Token], sql: str) -> TriggerText:
    # The name comes first, and may be any word: the event is looked for behind it.
    start = _after_name(found)
    event = next(n for n in range(start, len(found)) if found[n].word in _EVENTS)
    timing = " ".join(token.word for token in found[start:event]) or "BEFORE"
    on = next(n for n in range(event, len(found)) if found[n].word == "ON")
    columns = [t.name for t in found[event + 1 : on] if t.word != "OF" and t.text != ","]
    begin = next(n for n in range(on + 2, len(found)) if found[n].word == "BEGIN")
    when = next((n for n in range(on + 2, begin) if found[n].word == "WHEN"), None)
    end = max(n for n, token in enumerate(found) if token.word == "END")
    return TriggerText(
        timing,
        found[event].word,
        tuple(columns),
        sql[found[when].end : found[begin].start].strip() if when is not None else None,
        tuple(_statements(found[begin + 1 : end], sql)),
    )


def _after_name(found: Sequence[Token]) -> int:
    at = next(n for n, token in enumerate(found) if token.word == "TRIGGER") + 1
    if [token.word for token in found[at : at + 3]] == ["IF", "NOT", "EXISTS"]:
        at += 3
    if found[at + 1].text == ".":
        at += 2
    return at + 1


def _statements(found: Sequence[Token], sql: str) -> list[str]:
    statements: list[str] = []
    start = 0
    for at, token in enumerate(found):
        if token.text == ";" and token.depth == 0:
            if at > start:
                statements.append(sql[found[start].start : found[at - 1].end])
            start = at + 1
    if start < len(found):
        statements.append(sql[found[start].start : found[-1].end])
    return statements
