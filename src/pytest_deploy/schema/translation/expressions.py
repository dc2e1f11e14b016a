"""Translates expressions: each kind of node of sqlglot's tree has one rule."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.schema.model import Affinity, affinity_of
from pytest_deploy.schema.translation import clock, comparisons, conversions, json, operators
from pytest_deploy.schema.translation.aggregates import AGGREGATES, WINDOW_FUNCTIONS, windowed
from pytest_deploy.schema.translation.functions import FUNCTIONS
from pytest_deploy.schema.translation.parsing import parse_expression
from pytest_deploy.schema.translation.scope import Database, Relation, Scope
from pytest_deploy.schema.translation.values import (
    Sort,
    UntranslatableError,
    Value,
    condition,
    number,
    number_constant,
    require,
    signed_constant,
    text_constant,
    truth,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sqlglot.expressions.core import Expr

    from pytest_deploy.schema.kinds import RawValue

    Rule = Callable[["Translator", Expr], Value]


@dataclass(frozen=True)
class Context:
    """
    What a translation goes by.

    Args:
        database: The tables and views that may be named.
        zone: The zone of dates that name none.
        immutable: Whether Postgres wants it immutable: in an index or a generated column.
        parameters: The values of named parameters.
    """

    database: Database
    zone: str = "UTC"
    immutable: bool = False
    parameters: Mapping[str, RawValue] = field(default_factory=dict)

    def call(self, routine: str, *arguments: str) -> str:
        """
        Call one of the functions that are made for this.

        Args:
            routine: Its name.
            arguments: SQL.

        Returns:
            SQL.
        """
        return f"{quoted(self.database.schema)}.{quoted(routine)}({', '.join(arguments)})"


def translate_condition(expression: str, columns: Relation, context: Context) -> str:
    """
    Translate a condition, such as that of a CHECK.

    Args:
        expression: SQLite's text.
        columns: What it may refer to.
        context: What it goes by.

    Returns:
        Postgres' text, of type boolean.

    Raises:
        UntranslatableError: Something in it has no equal that we know.
    """
    return truth(translate(expression, columns, context))


def translate(expression: str, columns: Relation, context: Context) -> Value:
    """
    Translate an expression over the columns of one relation.

    Args:
        expression: SQLite's text.
        columns: What it may refer to.
        context: What it goes by.

    Returns:
        What it yields.

    Raises:
        UntranslatableError: Something in it has no equal that we know.
    """
    return Translator(context, Scope([columns])).of(parse_expression(expression))


class Translator:
    """
    Translates the expressions of one scope.

    Args:
        context: What it goes by.
        scope: What names mean.
    """

    def __init__(self, context: Context, scope: Scope) -> None:
        self.context = context
        self.scope = scope
        self._inside_aggregate = False

    def of(self, node: Expr) -> Value:
        """
        Translate a node.

        Args:
            node: Of sqlglot's tree.

        Returns:
            What it yields.

        Raises:
            UntranslatableError: It has no equal that we know.
        """
        rule = _RULES.get(node.key)
        if rule is None:
            raise UntranslatableError(node.key)
        if self.scope.grouped is not None and not self._inside_aggregate:
            plain = self._as_grouped(rule, node)
            if plain is not None:
                return plain
        return rule(self, node)

    def _as_grouped(self, rule: Rule, node: Expr) -> Value | None:
        """Take an expression by which rows are grouped as it is."""
        self._inside_aggregate = True
        try:
            plain = rule(self, node)
        except UntranslatableError:
            return None
        finally:
            self._inside_aggregate = False
        return plain if plain.sql in (self.scope.grouped or ()) else None

    def inside_aggregate(self, node: Expr) -> Value:
        """
        Translate the argument of an aggregate, where every column may be named.

        Args:
            node: The argument.

        Returns:
            What it yields.
        """
        before, self._inside_aggregate = self._inside_aggregate, True
        try:
            return self.of(node)
        finally:
            self._inside_aggregate = before

    def all(self, nodes: Iterable[Expr]) -> list[Value]:
        """Translate several nodes."""
        return [self.of(node) for node in nodes]

    def number(self, node: Expr) -> Value:
        """Translate a node that arithmetic is done with."""
        value = self.of(node)
        if value.sort is Sort.TEXT and value.constant is None and not value.digits:
            require(not value.loose, "arithmetic with what is now a real, now a text")
            return Value(self.context.call("sqlite_number", value.sql), Sort.DECIMAL)
        return number(value)

    def text(self, node: Expr) -> str:
        """Translate a node, and give it as the text that SQLite makes of it."""
        return conversions.as_text(self.of(node), self.context)

    def column(self, node: Expr) -> Value:
        """
        Translate a name.

        Args:
            node: A column or an identifier.

        Returns:
            The column; a string where SQLite reads a name in double quotes as one.
        """
        qualifier = node.args.get("table")
        found = self.scope.find(node.name, qualifier.name.lower() if qualifier else "")
        if found is None:
            return self._no_column(node, qualified=qualifier is not None)
        return self.column_of(*found)

    def column_of(self, value: Value, relation: Relation) -> Value:
        """
        Take a column as it can be told: from a row of its group where rows are grouped otherwise.

        Args:
            value: The column.
            relation: Where it is from.

        Returns:
            The column, or the pick from its group.
        """
        if self._is_bare(value, relation):
            return replace(value, sql=self.scope.pick.format(value.sql), moment=None)
        return value

    def _is_bare(self, value: Value, relation: Relation) -> bool:
        """Tell whether rows are grouped, but not by this column."""
        grouped = self.scope.grouped
        if grouped is None or self._inside_aggregate or relation not in self.scope.relations:
            return False
        key = {f"{relation.alias}.{quoted(name)}" for name in relation.key}
        return value.sql not in grouped and not (key and key <= grouped)

    def _no_column(self, node: Expr, *, qualified: bool) -> Value:
        name = node.name.lower()
        if not qualified and name in self.scope.aliases:
            meant = self.scope.aliases.pop(name)  # it cannot stand for itself
            try:
                return self.of(meant)
            finally:
                self.scope.aliases[name] = meant
        is_quoted = (node if node.key == "identifier" else node.this).args.get("quoted")
        if is_quoted and not qualified:
            return text_constant(node.name)  # SQLite reads "x" as 'x' then
        raise UntranslatableError("a name that is no column of its table")

    def query(self, node: Expr) -> tuple[str, tuple[Value, ...]]:
        """
        Translate a query inside an expression.

        Args:
            node: A SELECT, or a subquery around it.

        Returns:
            Postgres' text without parentheses, and what its columns are.
        """
        from pytest_deploy.schema.translation.queries import translate_query

        inner = node.this if node.key == "subquery" else node
        query = translate_query(inner, self.context, outer=self.scope)
        return query.sql, query.values


def _call(t: Translator, node: Expr) -> Value:
    name = node.name.lower()
    arguments = node.expressions
    if name in ("min", "max") and len(arguments) > 1:
        return FUNCTIONS[name](t, arguments)
    if name in AGGREGATES:
        return AGGREGATES[name](t, arguments, "")
    if name in WINDOW_FUNCTIONS:
        raise UntranslatableError(f"{name}() without OVER")
    if name not in FUNCTIONS:
        raise UntranslatableError(f"{name}()")
    return FUNCTIONS[name](t, arguments)


def _parameter(t: Translator, node: Expr) -> Value:
    if node.name not in t.context.parameters:
        raise UntranslatableError(f"a parameter {node.name!r} without a value")
    value = t.context.parameters[node.name]
    if value is None:
        return Value("NULL", Sort.NULL)
    if isinstance(value, bytes):
        return Value(f"'\\x{value.hex()}'::bytea", Sort.BLOB)
    return text_constant(value) if isinstance(value, str) else signed_constant(repr(value))


def _literal(_: Translator, node: Expr) -> Value:
    return text_constant(node.name) if node.args.get("is_string") else number_constant(node.name)


def _blob(_: Translator, node: Expr) -> Value:
    return Value(f"'\\x{node.name.lower()}'::bytea", Sort.BLOB)


def _boolean(_: Translator, node: Expr) -> Value:
    flag = bool(node.this)
    return Value("true" if flag else "false", Sort.FLAG, constant=int(flag), truth=True)


def _negative(t: Translator, node: Expr) -> Value:
    inner = t.number(node.this)
    if isinstance(inner.constant, int | float):
        return replace(inner, sql=f"(-{inner.sql})", constant=-inner.constant)
    return Value(f"(-{inner.sql})", inner.sort)


def _both(t: Translator, node: Expr, word: str) -> Value:
    left, right = truth(t.of(node.this)), truth(t.of(node.expression))
    return condition(f"({left} {word} {right})")


def _case(t: Translator, node: Expr) -> Value:
    branches = node.args["ifs"]
    subject = node.args.get("this")
    if subject is None:
        conditions = [truth(t.of(branch.this)) for branch in branches]
    else:
        value = t.of(subject)
        conditions = [comparisons.equal(t, value, t.of(b.this), "=") for b in branches]
    default = node.args.get("default")
    results = t.all([branch.args["true"] for branch in branches] + ([default] if default else []))
    return conversions.case(conditions, results, t.context)


def _cast(t: Translator, node: Expr) -> Value:
    value, named = t.of(node.this), node.args["to"].sql()
    # The tree has another name for BLOB, which SQLite would take for a number's.
    affinity = Affinity.BLOB if named == "VARBINARY" else affinity_of(named)
    return conversions.cast(value, affinity, t.context)


def _collate(t: Translator, node: Expr) -> Value:
    value = t.of(node.this)
    return replace(value, collation=node.expression.name.upper(), explicit=True)


def _scalar_query(t: Translator, node: Expr) -> Value:
    sql, values = t.query(node)
    require(len(values) == 1, "a query of several columns in an expression")
    value = values[0]
    return Value(
        f"({sql})", value.sort, numeric=value.numeric, textual=value.textual, digits=value.digits
    )


def _exists(t: Translator, node: Expr) -> Value:
    return condition(f"EXISTS ({t.query(node.this)[0]})")


def _paren(t: Translator, node: Expr) -> Value:
    return t.of(node.this)


_RULES: dict[str, Rule] = {
    "paren": _paren,
    "column": Translator.column,
    "identifier": Translator.column,
    "literal": _literal,
    "placeholder": _parameter,
    "hexstring": _blob,
    "boolean": _boolean,
    "null": lambda _, __: Value("NULL", Sort.NULL),
    "anonymous": _call,
    "case": _case,
    "cast": _cast,
    "collate": _collate,
    "subquery": _scalar_query,
    "exists": _exists,
    "window": windowed,
    "filter": windowed,
    "neg": _negative,
    "and": lambda t, node: _both(t, node, "AND"),
    "or": lambda t, node: _both(t, node, "OR"),
    "not": lambda t, node: condition(f"(NOT {truth(t.of(node.this))})"),
    **comparisons.RULES,
    **operators.RULES,
    **clock.RULES,
    **json.RULES,
}
