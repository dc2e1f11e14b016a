"""Reads SQLite's SQL with sqlglot, and what sqlglot does not read with a word changed."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

from pytest_deploy.schema.identifiers import literal
from pytest_deploy.schema.tokens import tokens
from pytest_deploy.schema.translation.values import UntranslatableError

if TYPE_CHECKING:
    from sqlglot.dialects.dialect import Dialect
    from sqlglot.expressions.core import Expr

    from pytest_deploy.schema.tokens import Token

_RESOLUTIONS = frozenset({"ROLLBACK", "ABORT", "FAIL", "IGNORE", "REPLACE"})


def parse_expression(sql: str) -> Expr:
    """
    Read an expression.

    Args:
        sql: SQLite's text.

    Returns:
        sqlglot's tree; calls are `Anonymous`, whatever function they name.

    Raises:
        UntranslatableError: It could not be read.
    """
    parsed: Expr = _parse(f"SELECT {sql}").expressions[0]
    return parsed


def parse_statement(sql: str) -> tuple[Expr, str]:
    """
    Read a statement.

    Args:
        sql: SQLite's text, without its semicolon.

    Returns:
        sqlglot's tree, and the conflict resolution said after OR; empty where there is none.

    Raises:
        UntranslatableError: It could not be read.
    """
    found = list(tokens(sql))
    verb, *said = [token.word for token in found[:3]]
    if verb == "REPLACE":
        return _parse("INSERT" + sql[found[0].end :]), "REPLACE"
    if said[:1] == ["OR"] and said[-1] in _RESOLUTIONS:
        return _parse(f"{verb} {sql[found[2].end :]}"), said[-1]
    return _parse(sql), ""


def _parse(sql: str) -> Expr:
    from sqlglot import parse
    from sqlglot.errors import SqlglotError

    try:
        trees = parse(_with_resolutions_quoted(_without_separators(sql)), read=_dialect())
    except (SqlglotError, ValueError, RecursionError):
        raise UntranslatableError("its syntax") from None
    if len(trees) != 1 or trees[0] is None or trees[0].key == "command":
        raise UntranslatableError("its syntax")
    return trees[0]


def _without_separators(sql: str) -> str:
    """Write 1_000 as 1000: to sqlglot it is 1, called _000."""
    for number, rest in reversed(list(pairwise(tokens(sql)))):
        if number.kind == "number" and rest.start == number.end and rest.text.startswith("_"):
            sql = sql[: rest.start] + rest.text.replace("_", "") + sql[rest.end :]
    return sql


def _with_resolutions_quoted(sql: str) -> str:
    """Write RAISE(ROLLBACK, ..) as RAISE('ROLLBACK', ..): the keyword would end the expression."""
    found = list(tokens(sql))
    for at in range(len(found) - 3, -1, -1):
        if found[at].word == "RAISE" and found[at + 1].text == "(":
            sql = _quoted(sql, found[at + 2])
    return sql


def _quoted(sql: str, token: Token) -> str:
    return sql[: token.start] + literal(token.word) + sql[token.end :]


@cache
def _dialect() -> type[Dialect]:
    from sqlglot.dialects.sqlite import SQLite
    from sqlglot.expressions import JSONExtract, JSONExtractScalar
    from sqlglot.tokenizer_core import TokenType

    original = SQLite.Parser

    class Source(SQLite):
        """SQLite with every call read as a plain call: what it means is decided here."""

        class Parser(original):  # type: ignore[misc, valid-type]
            FUNCTIONS: ClassVar[dict[str, object]] = {}
            COLUMN_OPERATORS: ClassVar[dict[Any, Any]] = {
                **original.COLUMN_OPERATORS,  # paths are read here: `a.b` is a label, `$.a.b` none
                TokenType.ARROW: lambda _, this, path: JSONExtract(this=this, expression=path),
                TokenType.DARROW: lambda _, this, path: JSONExtractScalar(
                    this=this, expression=path
                ),
            }
            NO_PAREN_FUNCTION_PARSERS: ClassVar[dict[str, object]] = {
                "CASE": original.NO_PAREN_FUNCTION_PARSERS["CASE"]
            }
            FUNCTION_PARSERS: ClassVar[dict[str, object]] = {
                "CAST": original.FUNCTION_PARSERS["CAST"]
            }

    return Source
