"""SQLite's SQL as tokens: enough to find what no PRAGMA tells."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN = re.compile(
    r"""
      (?P<space>\s+|--[^\n]*|/\*.*?(?:\*/|\Z))
    | (?P<string>'(?:[^']|'')*')
    | (?P<blob>[xX]'[0-9a-fA-F]*')
    | (?P<quoted>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])
    | (?P<number>0[xX][0-9a-fA-F]+|(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<word>[^\W\d][\w$]*)
    | (?P<mark>.)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Token:
    """
    One token.

    Args:
        kind: `string`, `blob`, `quoted`, `number`, `word` or `mark`.
        text: As written.
        start: Where it begins, in characters.
        end: Where it ends, in characters.
        depth: How many parentheses are open around it.
    """

    kind: str
    text: str
    start: int
    end: int
    depth: int

    @property
    def word(self) -> str:
        """The keyword it may be, upper case; empty where it cannot be one."""
        return self.text.upper() if self.kind == "word" else ""

    @property
    def name(self) -> str:
        """The identifier it is, without its quotes."""
        if self.kind == "quoted":
            closing = self.text[-1]
            return self.text[1:-1].replace(closing * 2, closing)
        return self.text[1:-1].replace("''", "'") if self.kind == "string" else self.text


def tokens(sql: str) -> Iterator[Token]:
    """
    Read a statement.

    Args:
        sql: Any statement that SQLite has accepted.

    Yields:
        Its tokens, without white space and comments; a parenthesis has the depth outside it.

    Source: https://www.sqlite.org/lang_keywords.html and https://www.sqlite.org/draft/tokenreq.html
    """
    depth = 0
    for match in _TOKEN.finditer(sql):
        kind = match.lastgroup or "mark"
        if kind == "space":
            continue
        text = match.group()
        if text == ")":
            depth -= 1
        yield Token(kind, text, match.start(), match.end(), depth)
        if text == "(":
            depth += 1


def group_after(found: list[Token], at: int, sql: str) -> tuple[str, int]:
    """
    Take the text between the parentheses that open at a token.

    Args:
        found: All tokens.
        at: The position of the opening parenthesis.
        sql: The statement they were read from.

    Returns:
        The text inside, and the position of the closing parenthesis.
    """
    depth = found[at].depth
    for position in range(at + 1, len(found)):
        token = found[position]
        if token.text == ")" and token.depth == depth:
            return sql[found[at].end : token.start].strip(), position
    return sql[found[at].end :].strip(), len(found) - 1


def definitions(sql: str) -> list[list[Token]]:
    """
    Split the body of a CREATE TABLE at its commas.

    Args:
        sql: The statement.

    Returns:
        One list of tokens for each column and each table constraint; none for CREATE .. AS SELECT.
    """
    found = list(tokens(sql))
    opening = next((n for n, token in enumerate(found) if token.text == "("), None)
    if opening is None:
        return []
    parts: list[list[Token]] = [[]]
    for token in found[opening + 1 :]:
        if token.depth == 0:
            break
        if token.text == "," and token.depth == 1:
            parts.append([])
        else:
            parts[-1].append(token)
    return [part for part in parts if part]
