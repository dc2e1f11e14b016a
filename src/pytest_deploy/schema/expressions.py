"""
SQLite expressions in Postgres' words, by the types that their columns have there.

Only what means the same on both sides is translated; anything else is refused, never guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from pytest_deploy.schema.identifiers import literal, quoted
from pytest_deploy.schema.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlglot.expressions.core import Expr


class UntranslatableError(Exception):
    """An expression, or a part of it, for which no equal is known; says which part."""


class Sort(StrEnum):
    """What an expression yields, as far as comparing it goes."""

    NUMBER = "number"
    TEXT = "text"
    BOOLEAN = "boolean"
    DATE = "date"
    BYTES = "bytes"
    TRUTH = "truth"


_SORTS = {
    Kind.BIGINT: Sort.NUMBER,
    Kind.DOUBLE: Sort.NUMBER,
    Kind.NUMERIC: Sort.NUMBER,
    Kind.TEXT: Sort.TEXT,
    Kind.BYTEA: Sort.BYTES,
    Kind.BOOLEAN: Sort.BOOLEAN,
    Kind.DATE: Sort.DATE,
    Kind.TIMESTAMPTZ: Sort.DATE,
}


@dataclass(frozen=True)
class ColumnInPostgres:
    """
    What an expression may refer to.

    Args:
        name: The column's name in Postgres.
        kind: Its type's family.
    """

    name: str
    kind: Kind


@dataclass(frozen=True)
class Translated:
    """
    A piece of Postgres SQL.

    Args:
        sql: The text; in parentheses where it has operators.
        sort: What it yields.
        flag: For a literal 0 or 1, the boolean it may stand for.
    """

    sql: str
    sort: Sort
    flag: bool | None = None


def translate(expression: str, columns: Mapping[str, ColumnInPostgres]) -> str:
    """
    Translate a condition, such as that of a CHECK.

    Args:
        expression: SQLite's text.
        columns: The table's columns by their name in lower case.

    Returns:
        Postgres' text.

    Raises:
        UntranslatableError: Something in it has no equal that we know.
    """
    import sqlglot
    from sqlglot.errors import SqlglotError

    try:
        tree = sqlglot.parse_one(expression, read="sqlite")
    except SqlglotError:
        raise UntranslatableError("its syntax") from None
    found = _Translator(columns).of(tree)
    if found.sort is Sort.BOOLEAN or found.sort is Sort.TRUTH:
        return found.sql
    raise UntranslatableError("a condition that is not true or false")


class _Translator:
    def __init__(self, columns: Mapping[str, ColumnInPostgres]) -> None:
        self._columns = columns
        self._rules: dict[str, Callable[[Expr], Translated]] = {
            "paren": lambda node: self.of(node.this),
            "column": self._column,
            "identifier": self._column,
            "literal": self._literal,
            "boolean": lambda node: _boolean(bool(node.this)),
            "neg": self._negative,
            "and": lambda node: self._both(node, "AND"),
            "or": lambda node: self._both(node, "OR"),
            "not": lambda node: Translated(f"(NOT {self._truth(node.this)})", Sort.TRUTH),
            "eq": lambda node: self._comparison(node, "="),
            "neq": lambda node: self._comparison(node, "<>"),
            "lt": lambda node: self._ordering(node, "<"),
            "lte": lambda node: self._ordering(node, "<="),
            "gt": lambda node: self._ordering(node, ">"),
            "gte": lambda node: self._ordering(node, ">="),
            "between": self._between,
            "in": self._in,
            "is": self._is,
            "add": lambda node: self._arithmetic(node, "+"),
            "sub": lambda node: self._arithmetic(node, "-"),
            "mul": lambda node: self._arithmetic(node, "*"),
            "length": self._length,
        }

    def of(self, node: Expr) -> Translated:
        rule = self._rules.get(node.key)
        if rule is None:
            raise UntranslatableError(node.key)
        return rule(node)

    def _column(self, node: Expr) -> Translated:
        column = self._columns.get(node.name.lower())
        if column is None and _is_quoted(node):
            return Translated(literal(node.name), Sort.TEXT)  # SQLite reads "x" as 'x' then
        if column is None:
            raise UntranslatableError("a name that is no column of its table")
        return Translated(quoted(column.name), _SORTS[column.kind])

    def _literal(self, node: Expr) -> Translated:
        if node.args.get("is_string"):
            return Translated(literal(node.name), Sort.TEXT)
        flag = {"0": False, "1": True}.get(node.name)
        return Translated(node.name, Sort.NUMBER, flag)

    def _negative(self, node: Expr) -> Translated:
        inner = self.of(node.this)
        _require(inner.sort is Sort.NUMBER, "a minus before something else than a number")
        return Translated(f"(-{inner.sql})", Sort.NUMBER)

    def _truth(self, node: Expr) -> str:
        found = self.of(node)
        _require(found.sort in (Sort.BOOLEAN, Sort.TRUTH), "a number used as a condition")
        return found.sql

    def _both(self, node: Expr, word: str) -> Translated:
        left, right = node.args["this"], node.args["expression"]
        return Translated(f"({self._truth(left)} {word} {self._truth(right)})", Sort.TRUTH)

    def _comparison(self, node: Expr, operator: str) -> Translated:
        left, right = self._alike(self.of(node.args["this"]), self.of(node.args["expression"]))
        return Translated(f"({left.sql} {operator} {right.sql})", Sort.TRUTH)

    def _ordering(self, node: Expr, operator: str) -> Translated:
        left, right = self.of(node.args["this"]), self.of(node.args["expression"])
        return Translated(f"({_ordered(left, right, operator)})", Sort.TRUTH)

    def _between(self, node: Expr) -> Translated:
        value = self.of(node.this)
        low = _ordered(value, self.of(node.args["low"]), ">=")
        high = _ordered(value, self.of(node.args["high"]), "<=")
        return Translated(f"({low} AND {high})", Sort.TRUTH)

    def _in(self, node: Expr) -> Translated:
        _require(bool(node.expressions), "IN with something else than a list")
        value = self.of(node.this)
        items = [self._alike(value, self.of(item))[1].sql for item in node.expressions]
        return Translated(f"({value.sql} IN ({', '.join(items)}))", Sort.TRUTH)

    def _is(self, node: Expr) -> Translated:
        _require(node.expression.key == "null", "IS with something else than NULL")
        return Translated(f"({self.of(node.this).sql} IS NULL)", Sort.TRUTH)

    def _arithmetic(self, node: Expr, operator: str) -> Translated:
        left, right = self.of(node.args["this"]), self.of(node.args["expression"])
        _require(
            left.sort is right.sort is Sort.NUMBER, "arithmetic with something else than numbers"
        )
        return Translated(f"({left.sql} {operator} {right.sql})", Sort.NUMBER)

    def _length(self, node: Expr) -> Translated:
        inner = self.of(node.this)
        _require(inner.sort is Sort.TEXT, "the length of something else than text")
        return Translated(f"length({inner.sql})", Sort.NUMBER)

    @staticmethod
    def _alike(left: Translated, right: Translated) -> tuple[Translated, Translated]:
        """Bring both sides of a comparison to one sort: 0 and 1 become false and true."""
        if left.sort is Sort.BOOLEAN and right.flag is not None:
            right = _boolean(right.flag)
        if right.sort is Sort.BOOLEAN and left.flag is not None:
            left = _boolean(left.flag)
        _require(left.sort is right.sort, f"a comparison of {left.sort} with {right.sort}")
        return left, right


def _is_quoted(node: Expr) -> bool:
    name = node if node.key == "identifier" else node.this
    return bool(name.args.get("quoted"))


def _ordered(left: Translated, right: Translated, operator: str) -> str:
    _require(left.sort is right.sort, f"a comparison of {left.sort} with {right.sort}")
    _require(left.sort in (Sort.NUMBER, Sort.DATE, Sort.TEXT), f"an order of {left.sort}")
    # SQLite orders text by its bytes, whatever the collation of the target's database is.
    collation = ' COLLATE "C"' if left.sort is Sort.TEXT else ""
    return f"{left.sql}{collation} {operator} {right.sql}"


def _boolean(flag: bool) -> Translated:
    return Translated("true" if flag else "false", Sort.BOOLEAN)


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise UntranslatableError(otherwise)
