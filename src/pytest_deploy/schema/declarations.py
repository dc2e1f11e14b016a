"""What only the text of a CREATE TABLE tells: checks, collations, conflict clauses, deferral."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_deploy.schema.model import Check
from pytest_deploy.schema.tokens import Token, definitions, group_after

_TABLE_CONSTRAINTS = frozenset({"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"})


@dataclass(frozen=True)
class Declarations:
    """
    What was found in the text.

    Args:
        checks: CHECK constraints in their order.
        collations: Column name in lower case to collation in upper case.
        conflicts: ON CONFLICT resolutions, other than ABORT.
        deferred: For each REFERENCES in its order, whether it is initially deferred.
        autoincrement: Whether AUTOINCREMENT stands there.
        formulas: Generated column's name in lower case to its expression.
    """

    checks: tuple[Check, ...] = ()
    collations: dict[str, str] = field(default_factory=dict)
    conflicts: tuple[str, ...] = ()
    deferred: tuple[bool, ...] = ()
    autoincrement: bool = False
    formulas: dict[str, str] = field(default_factory=dict)


def read_declarations(table: str, sql: str) -> Declarations:
    """
    Read a CREATE TABLE.

    Args:
        table: The table's name, for the names of unnamed checks.
        sql: The statement.

    Returns:
        What it declares beyond the PRAGMAs.

    Source: https://www.sqlite.org/lang_createtable.html
    """
    parts = definitions(sql)
    checks: list[Check] = []
    for part in parts:
        checks += _checks(part, sql, table, len(checks))
    return Declarations(
        checks=tuple(checks),
        collations={p[0].name.lower(): c for p in parts if (c := _collation(p))},
        conflicts=tuple(c for p in parts for c in _conflicts(p)),
        deferred=tuple(d for p in parts for d in _deferred(p)),
        autoincrement=any(t.word == "AUTOINCREMENT" for p in parts for t in p if t.depth == 1),
        formulas={p[0].name.lower(): f for p in parts if (f := _formula(p, sql))},
    )


def _checks(part: list[Token], sql: str, table: str, before: int) -> list[Check]:
    checks: list[Check] = []
    for at, token in enumerate(part[:-1]):
        if token.depth == 1 and token.word == "CHECK" and part[at + 1].text == "(":
            expression, _ = group_after(part, at + 1, sql)
            number = before + len(checks)
            unnamed = f"{table}_check{number or ''}"
            named = at > 1 and part[at - 2].word == "CONSTRAINT"
            checks.append(Check(part[at - 1].name if named else unnamed, expression))
    return checks


def _collation(part: list[Token]) -> str | None:
    if part[0].word in _TABLE_CONSTRAINTS:
        return None
    for at, token in enumerate(part[:-1]):
        if at and token.depth == 1 and token.word == "COLLATE":
            return part[at + 1].name.upper()
    return None


def _formula(part: list[Token], sql: str) -> str | None:
    if part[0].word in _TABLE_CONSTRAINTS and part[0].kind == "word":
        return None
    for at, token in enumerate(part[:-1]):
        if at and token.depth == 1 and token.word == "AS" and part[at + 1].text == "(":
            return group_after(part, at + 1, sql)[0]
    return None


def _conflicts(part: list[Token]) -> list[str]:
    return [
        part[at + 2].word
        for at, token in enumerate(part[:-2])
        if token.depth == 1
        and token.word == "ON"
        and part[at + 1].word == "CONFLICT"
        and part[at + 2].word != "ABORT"
    ]


def _deferred(part: list[Token]) -> list[bool]:
    words = [token.word for token in part if token.depth == 1]
    starts = [n for n, word in enumerate(words) if word == "REFERENCES"]
    ends = [*starts[1:], len(words)]
    return [_is_deferred(words[start:end]) for start, end in zip(starts, ends, strict=False)]


def _is_deferred(words: list[str]) -> bool:
    if "DEFERRABLE" not in words:
        return False
    at = words.index("DEFERRABLE")
    return words[at - 1] != "NOT" and words[at + 1 : at + 3] == ["INITIALLY", "DEFERRED"]
