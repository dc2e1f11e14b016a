"""Plans full-text search: a table over another's texts becomes a column and an index there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_deploy.findings import Finding, Severity
from pytest_deploy.schema.identifiers import Names, fitted, quoted
from pytest_deploy.schema.kinds import Kind
from pytest_deploy.schema.plan import PlannedSearch
from pytest_deploy.schema.tokens import Token, group_after, tokens

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_deploy.schema.model import VirtualTable
    from pytest_deploy.schema.plan import PlannedTable

_MODULES = frozenset({"fts3", "fts4", "fts5"})
_MOST_CHARACTERS = 200_000  # a tsvector holds 1 MB
_NO_COLUMN = frozenset({"UNINDEXED"})


@dataclass(frozen=True)
class _Declared:
    """What CREATE VIRTUAL TABLE says: the columns, and the table whose texts they are."""

    columns: tuple[str, ...]
    content: str


def plan_searches(
    virtual: Iterable[VirtualTable], tables: Iterable[PlannedTable], names: Names
) -> tuple[tuple[PlannedTable, ...], frozenset[str], list[Finding]]:
    """
    Plan the full-text tables of a database.

    Args:
        virtual: Its virtual tables.
        tables: Its planned tables.
        names: Hands out the names of indexes.

    Returns:
        The tables with their full-text columns; the names, in lower case, of full-text tables
        that are kept so; and a finding for each virtual table.
    """
    by_name = {table.source.name.lower(): table for table in tables}
    kept: set[str] = set()
    findings: list[Finding] = []
    for one in virtual:
        declared = _declared(one)
        table = by_name.get(declared.content.lower()) if declared else None
        search = _search(one, declared, table, names) if declared and table else None
        if table is None or search is None:
            findings.append(_not_made(one))
            continue
        searches = (*table.searches, search)
        by_name[table.source.name.lower()] = replace(table, searches=searches)
        kept.add(one.name.lower())
        findings.append(_made(one, table))
    return tuple(by_name.values()), frozenset(kept), findings


def _declared(table: VirtualTable) -> _Declared | None:
    if table.module not in _MODULES:
        return None
    found = list(tokens(table.sql))
    opening = next((n for n, token in enumerate(found) if token.text == "("), None)
    if opening is None:
        return None
    inside, _ = group_after(found, opening, table.sql)
    columns: list[str] = []
    content = ""
    for argument in _arguments(inside):
        if len(argument) > 1 and argument[1].text == "=":
            if argument[0].word == "CONTENT" and len(argument) > len("n="):
                content = argument[2].name
        elif argument and not _NO_COLUMN & {token.word for token in argument[1:]}:
            columns.append(argument[0].name)
    return _Declared(tuple(columns), content)


def _arguments(sql: str) -> list[list[Token]]:
    parts: list[list[Token]] = [[]]
    for token in tokens(sql):
        if token.text == "," and token.depth == 0:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _search(
    source: VirtualTable, declared: _Declared, table: PlannedTable, names: Names
) -> PlannedSearch | None:
    texts = {c.source.name.lower(): c for c in table.columns if c.type.kind is Kind.TEXT}
    if not declared.columns or any(name.lower() not in texts for name in declared.columns):
        return None
    columns = [texts[name.lower()] for name in declared.columns]
    parts = (f"coalesce({column.generated or quoted(column.name)}, '')" for column in columns)
    joined = " || ' ' || ".join(parts)
    expression = f"to_tsvector('simple'::regconfig, left({joined}, {_MOST_CHARACTERS}))"
    within = Names()
    for name in (*(c.name for c in table.columns), *(s.name for s in table.searches)):
        within.take(name)
    index = names.take(fitted(f"{table.name}_{source.name}", also="_idx"))
    return PlannedSearch(within.take(fitted(source.name)), expression, index, source)


def _made(source: VirtualTable, table: PlannedTable) -> Finding:
    message = (
        f"full-text search over {table.source.name} is the column {table.name}.{source.name} of"
        " type tsvector, with an index: MATCH becomes @@"
    )
    return Finding("search_kept_as_tsvector", Severity.NOTE, source.name, message)


def _not_made(source: VirtualTable) -> Finding:
    if not source.module:
        message = "over the 1,600 columns that Postgres allows: it stays behind; split it"
        return Finding("table_too_wide", Severity.BLOCKER, source.name, message)
    what = f"a virtual table of module {source.module}: not made"
    if source.module in _MODULES:
        what += ", since its texts are in no other table"
    return Finding("virtual_table", Severity.RISK, source.name, what)
