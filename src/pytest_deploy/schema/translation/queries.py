"""Translates SELECT: joins, grouping, compounds, common table expressions, order and limits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_deploy.schema.identifiers import fitted, quoted, quoted_list
from pytest_deploy.schema.translation.aggregates import AGGREGATES, ordering, window_definition
from pytest_deploy.schema.translation.conversions import stored_as, unified
from pytest_deploy.schema.translation.expressions import Context, Translator
from pytest_deploy.schema.translation.joins import from_clause
from pytest_deploy.schema.translation.scope import Known, Scope, VisibleColumn
from pytest_deploy.schema.translation.values import (
    KIND_OF,
    NUMBERS,
    Sort,
    UntranslatableError,
    Value,
    folded,
    require,
    truth,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlglot.expressions.core import Expr

_COMPOUNDS = {"union": "UNION", "intersect": "INTERSECT", "except": "EXCEPT"}
_NOT_OURS = frozenset({"subquery", "select", "window"})  # what has aggregates of its own


@dataclass(frozen=True)
class Query:
    """
    A translated query.

    Args:
        sql: Postgres' text.
        names: The names of its columns.
        values: What its columns are.
    """

    sql: str
    names: tuple[str, ...]
    values: tuple[Value, ...]

    def columns(self, context: Context) -> tuple[VisibleColumn, ...]:
        """Give its columns as those of a relation."""
        pairs = zip(self.names, self.values, strict=True)
        return tuple(_visible(name, value, context) for name, value in pairs)


@dataclass
class _Branch:
    """One SELECT or VALUES: what it yields, and the text behind that."""

    names: list[str]
    rows: list[list[Value]]
    body: str = ""
    distinct: bool = False
    typed: bool = False
    is_values: bool = False

    @property
    def outputs(self) -> list[Value]:
        return self.rows[0]

    def sql(self) -> str:
        if self.is_values:
            rows = (f"({', '.join(map(self._typed, row))})" for row in self.rows)
            return f"VALUES {', '.join(rows)}"
        listed = ", ".join(self._typed(value) for value in self.outputs)
        return f"SELECT {'DISTINCT ' if self.distinct else ''}{listed}{self.body}"

    def _typed(self, value: Value) -> str:
        return f"{value.sql}::{KIND_OF[value.sort].value}" if self.typed else value.sql


@dataclass
class _Compound:
    """Two queries and the operator between them."""

    operator: str
    left: _Branch | _Compound
    right: _Branch | _Compound

    def leaves(self) -> Iterator[_Branch]:
        for side in (self.left, self.right):
            if isinstance(side, _Branch):
                yield side
            else:
                yield from side.leaves()

    def sql(self) -> str:
        left = self.left.sql()
        if isinstance(self.left, _Compound):
            left = f"({left})"
        return f"{left} {self.operator} {self.right.sql()}"


def translate_query(
    node: Expr,
    context: Context,
    *,
    outer: Scope | None = None,
    stored: Sequence[VisibleColumn] = (),
) -> Query:
    """
    Translate a query.

    Args:
        node: A SELECT, VALUES or compound.
        context: What it goes by.
        outer: What it may also refer to.
        stored: The columns that its results are written to; none where they are only read.

    Returns:
        The query.

    Raises:
        UntranslatableError: Something in it has no equal that we know.

    Source: https://www.sqlite.org/lang_select.html
    """
    if node.key == "subquery" and node.args.get("alias") is None:
        return translate_query(node.this, context, outer=outer, stored=stored)
    prefix, context = _with_clause(node, context, outer)
    if node.key in _COMPOUNDS:
        compound = _compound_query(node, context, outer, prefix)
        return _written(compound, stored, context) if stored else compound
    if node.key == "values":
        branch = _values(node, context, outer, stored)
        return Query(prefix + branch.sql(), tuple(branch.names), tuple(branch.outputs))
    require(node.key == "select", f"a query that is {node.key}")
    return _Select(node, context, outer, stored).query(prefix)


def _written(query: Query, stored: Sequence[VisibleColumn], context: Context) -> Query:
    """Bring what a compound yields to the columns that it is written to."""
    names = tuple(f"column{n}" for n in range(1, len(query.names) + 1))
    columns = replace(query, names=names).columns(context)
    alias = quoted("written")
    values = as_stored([column.value(alias) for column in columns], stored, context)
    listed = ", ".join(value.sql for value in values)
    sql = f"SELECT {listed} FROM ({query.sql}) AS {alias} ({quoted_list(names)})"
    return Query(sql, names, tuple(values))


def _with_clause(node: Expr, context: Context, outer: Scope | None) -> tuple[str, Context]:
    clause = node.args.get("with_") or node.args.get("with")
    if clause is None:
        return "", context
    parts: list[str] = []
    for expression in clause.expressions:
        alias = expression.args["alias"]
        name, renamed = alias.name, [column.name for column in alias.args.get("columns") or []]
        inner, query = _common(expression.this, name, renamed, context, outer)
        columns = inner.database.named(name).columns
        listed = quoted_list(tuple(column.name for column in columns))
        parts.append(f"{quoted(name)} ({listed}) AS ({query.sql})")
        context = inner
    word = "WITH RECURSIVE" if clause.args.get("recursive") else "WITH"
    return f"{word} {', '.join(parts)} ", context


def _common(
    node: Expr, name: str, renamed: Sequence[str], context: Context, outer: Scope | None
) -> tuple[Context, Query]:
    """Translate a common table expression, which may read itself."""
    is_recursive = node.key == "union" and _reads(node.args["expression"], name)
    first = translate_query(_leftmost(node) if is_recursive else node, context, outer=outer)
    names = list(renamed) or list(first.names)
    columns = replace(first, names=tuple(names)).columns(context)
    known = Known(quoted(name), columns)
    inner = replace(context, database=context.database.joined_by(name, known))
    if not is_recursive:
        return inner, first
    return inner, _compound_query(node, inner, outer, "", typed=True)


def _leftmost(node: Expr) -> Expr:
    while node.key in _COMPOUNDS:
        node = node.this
    return node


def _reads(node: Expr, name: str) -> bool:
    return any(table.name.lower() == name.lower() for table in node.find_all(_table_type()))


def _table_type() -> type[Expr]:
    from sqlglot.expressions import Table

    return Table


def _compound_query(
    node: Expr, context: Context, outer: Scope | None, prefix: str, *, typed: bool = False
) -> Query:
    compound = _compound(node, context, outer)
    assert isinstance(compound, _Compound)
    leaves = list(compound.leaves())
    width = len(leaves[0].names)
    require(all(len(leaf.names) == width for leaf in leaves), "a compound of different widths")
    for place in range(width):
        column = [row[place] for leaf in leaves for row in leaf.rows]
        alike = iter(unified(column, context))
        for leaf in leaves:
            for row in leaf.rows:
                row[place] = next(alike)
    for leaf in leaves:
        leaf.typed = typed
    names = tuple(leaves[0].names)
    values = tuple(_any_of([leaf.outputs[n] for leaf in leaves]) for n in range(width))
    sql = prefix + compound.sql()
    order, limit = node.args.get("order"), _limits(Translator(context, Scope(outer=outer)), node)
    if order is None:
        return Query(sql + limit, names, values)
    return _ordered_outside(Query(sql, names, values), order.expressions, limit, context)


def _any_of(values: list[Value]) -> Value:
    """Describe a column whose values come from several branches."""
    known = [value for value in values if value.sort is not Sort.NULL] or values
    same = all(value.moment and known[0].moment for value in known) and (
        len({v.moment.form for v in known if v.moment}) == 1
    )
    return known[0] if same or known[0].moment is None else replace(known[0], moment=None)


def _compound(node: Expr, context: Context, outer: Scope | None) -> _Branch | _Compound:
    if node.key not in _COMPOUNDS:
        require(not node.args.get("limit") and not node.args.get("order"), "a limit in a branch")
        if node.key == "values":
            return _values(node, context, outer)
        require(node.key == "select", f"a compound with {node.key}")
        return _Select(node, context, outer).branch()
    operator = _COMPOUNDS[node.key] + ("" if node.args.get("distinct", True) else " ALL")
    return _Compound(
        operator,
        _compound(node.this, context, outer),
        _compound(node.args["expression"], context, outer),
    )


def _values(
    node: Expr, context: Context, outer: Scope | None, stored: Sequence[VisibleColumn] = ()
) -> _Branch:
    translator = Translator(context, Scope(outer=outer))
    rows = [as_stored(translator.all(row.expressions), stored, context) for row in node.expressions]
    columns = [unified(column, context) for column in zip(*rows, strict=True)]
    names = [f"column{n}" for n in range(1, len(columns) + 1)]
    rows = [list(row) for row in zip(*columns, strict=True)]
    return _Branch(names, rows, is_values=True)


class _Select:
    """Translates one SELECT without the queries around it."""

    def __init__(
        self,
        node: Expr,
        context: Context,
        outer: Scope | None,
        stored: Sequence[VisibleColumn] = (),
    ) -> None:
        self._node = node
        self._stored = stored
        self._context = context
        self._scope = Scope(outer=outer)
        self._t = Translator(context, self._scope)

    def query(self, prefix: str) -> Query:
        branch = self.branch()
        order = self._node.args.get("order")
        terms = order.expressions if order else []
        limit = _limits(self._t, self._node)
        names, values = tuple(branch.names), tuple(branch.outputs)
        if branch.distinct and terms:
            inner = Query(prefix + branch.sql(), names, values)
            return _ordered_outside(inner, terms, limit, self._context)
        ordered = ", ".join(self._term(term, branch) for term in terms)
        order_by = f" ORDER BY {ordered}" if ordered else ""
        return Query(prefix + branch.sql() + order_by + limit, names, values)

    def branch(self) -> _Branch:
        node = self._node
        body = ""
        source = node.args.get("from_") or node.args.get("from")
        if source is not None:
            body += f" FROM {from_clause(self._t, source.this, node.args.get('joins') or [])}"
        self._scope.aliases = {
            item.alias.lower(): item.this for item in node.expressions if item.key == "alias"
        }
        if (where := node.args.get("where")) is not None:
            body += f" WHERE {truth(self._t.of(where.this))}"
        grouping = self._grouping()
        if grouping:
            body += f" GROUP BY {', '.join(grouping)}"
        windows = node.args.get("windows") or []
        names, outputs = self._outputs()
        if (having := node.args.get("having")) is not None:
            body += f" HAVING {truth(self._t.of(having.this))}"
        if windows:
            body += f" WINDOW {', '.join(self._window(window) for window in windows)}"
        is_distinct = node.args.get("distinct") is not None
        collated = any(v.sort is Sort.TEXT and v.collation != "BINARY" for v in outputs)
        require(not (is_distinct and collated), "DISTINCT with a collation")
        rows = [as_stored(outputs, self._stored, self._context)]
        return _Branch(names, rows, body, distinct=is_distinct)

    def _window(self, node: Expr) -> str:
        unnamed = node.copy()
        unnamed.set("this", None)
        return f"{quoted(node.name)} AS ({window_definition(self._t, unnamed)})"

    def _grouping(self) -> list[str]:
        group = self._node.args.get("group")
        listed = list(group.expressions) if group is not None else []
        values = [_folded(self._t.of(self._meant(item))) for item in listed]
        if listed or self._has_aggregates():
            self._scope.grouped = frozenset(value.sql for value in values)
            self._scope.pick = self._pick()
        return [f"({v.sql})" if v.constant is not None else v.sql for v in values]

    def _meant(self, item: Expr) -> Expr:
        """Give the output column that a number or an alias in GROUP BY stands for."""
        if item.key == "literal" and not item.args.get("is_string"):
            chosen: Expr = self._node.expressions[int(item.name) - 1]
            item = chosen.this if chosen.key == "alias" else chosen
        return item

    def _has_aggregates(self) -> bool:
        clauses = (self._node.args.get(name) for name in ("having", "order"))
        nodes = [*self._node.expressions, *(node for node in clauses if node is not None)]
        return any(True for node in nodes for _ in _aggregates(node))

    def _pick(self) -> str:
        """
        Say which row of its group a column is taken from that rows are not grouped by.

        SQLite takes the row of the smallest or largest value where there is one min() or max().
        """
        extremes = [a for n in self._node.expressions for a in _aggregates(n) if _is_extreme(a)]
        if len(extremes) != 1:
            return self._scope.pick
        value = self._t.inside_aggregate(extremes[0].expressions[0])
        direction = " DESC" if extremes[0].name.lower() == "max" else ""
        collation = ' COLLATE "C"' if value.sort is Sort.TEXT else ""
        return f"(array_agg({{0}} ORDER BY {value.sql}{collation}{direction} NULLS LAST))[1]"

    def _outputs(self) -> tuple[list[str], list[Value]]:
        names: list[str] = []
        outputs: list[Value] = []
        for place, item in enumerate(self._node.expressions, 1):
            if item.is_star:
                for name, value in self._starred(item):
                    names.append(_unused(name, names))
                    outputs.append(value)
                continue
            value = self._t.of(item.this if item.key == "alias" else item)
            name = item.alias or (item.name if item.key == "column" else f"column{place}")
            names.append(_unused(name, names))
            outputs.append(_shown(value))
        return names, outputs

    def _starred(self, item: Expr) -> Iterator[tuple[str, Value]]:
        qualifier = item.args["table"].name.lower() if item.args.get("table") else ""
        for relation in self._scope.relations:
            if qualifier not in ("", relation.name):
                continue
            taken_apart = any(column.document for column in relation.columns)
            require(not taken_apart, "all columns of json_each()")
            for column in relation.columns:
                if qualifier or not column.hidden:
                    found = self._t.column_of(column.value(relation.alias), relation)
                    yield column.source, found

    def _term(self, node: Expr, branch: _Branch) -> str:
        place = _place(node.this, branch.names)
        if place is not None and place < len(branch.outputs):
            return ordering(self._t, node, branch.outputs[place])
        return ordering(self._t, node)


def _folded(value: Value) -> Value:
    """Give what rows are grouped by: texts that a collation takes for equal are one group."""
    if value.sort is not Sort.TEXT or value.collation == "BINARY":
        return value
    return Value(folded(value.sql, value.collation), Sort.TEXT)


def _place(node: Expr, names: Sequence[str]) -> int | None:
    """Find the output column that a term of ORDER BY names, by its number or its name."""
    if node.key == "literal" and not node.args.get("is_string"):
        return int(node.name) - 1
    if node.key == "column" and not node.args.get("table"):
        lowered = [name.lower() for name in names]
        return lowered.index(node.name.lower()) if node.name.lower() in lowered else None
    return None


def _ordered_outside(query: Query, terms: Sequence[Expr], limit: str, context: Context) -> Query:
    """Order a compound, or what is distinct, from outside: Postgres takes no expressions there."""
    translator = Translator(context, Scope())
    ordered = ", ".join(ordering(translator, term, _named(term, query)) for term in terms)
    listed = quoted_list(tuple(map(fitted, query.names)))
    sql = f'SELECT * FROM ({query.sql}) AS "q" ({listed}) ORDER BY {ordered}{limit}'
    return Query(sql, query.names, query.values)


def _named(term: Expr, query: Query) -> Value:
    node = term.this
    collation = ""
    if node.key == "collate":
        node, collation = node.this, node.expression.name.upper()
    place = _place(node, query.names)
    if place is None or place >= len(query.names):
        raise UntranslatableError("an order by what is not in the result")
    value = replace(query.values[place], sql=f'"q".{quoted(fitted(query.names[place]))}')
    return replace(value, collation=collation, explicit=True) if collation else value


def _limits(t: Translator, node: Expr) -> str:
    sql = ""
    for name, word in (("limit", "LIMIT"), ("offset", "OFFSET")):
        clause = node.args.get(name)
        if clause is None:
            continue
        value = t.of(clause.expression)
        require(value.sort in NUMBERS, f"{word} of something else than a number")
        if isinstance(value.constant, int):
            sql += f" {word} {value.constant}" if value.constant >= 0 else ""
        else:
            sql += f" {word} (CASE WHEN {value.sql} >= 0 THEN {value.sql} END)"
    return sql


def as_stored(
    values: list[Value], columns: Sequence[VisibleColumn], context: Context
) -> list[Value]:
    """
    Give values as they are written to columns.

    Args:
        values: One for each column.
        columns: The columns; none where values are only read.
        context: What the translation goes by.

    Returns:
        Values of the columns' types.
    """
    if not columns:
        return values
    require(len(values) == len(columns), "another number of values than columns")
    pairs = zip(values, columns, strict=True)
    return [Value(stored_as(value, column, context), column.sort) for value, column in pairs]


def _shown(value: Value) -> Value:
    """Give a condition as the number that SQLite yields; a column of flags stays one."""
    if value.sort is Sort.FLAG and value.truth:
        return Value(f"{value.sql}::integer", Sort.INTEGER)
    return value


def _unused(name: str, names: Sequence[str]) -> str:
    number, wanted = 0, name
    taken = {used.lower() for used in names}
    while wanted.lower() in taken:
        number += 1
        wanted = f"{name}:{number}"
    return wanted


def _aggregates(node: Expr) -> Iterator[Expr]:
    """Find the aggregates that belong to this SELECT and not to a window or a query inside."""
    if node.key in _NOT_OURS:
        return
    if node.key == "anonymous" and node.name.lower() in AGGREGATES:
        if node.name.lower() not in ("min", "max") or len(node.expressions) == 1:
            yield node
        return
    for child in node.iter_expressions():
        yield from _aggregates(child)


def _is_extreme(node: Expr) -> bool:
    return node.name.lower() in ("min", "max")


def _visible(name: str, value: Value, context: Context) -> VisibleColumn:
    return VisibleColumn(
        name,
        fitted(name),
        value.sort,
        collation=value.collation,
        numeric=value.numeric,
        textual=value.textual,
        mixed=value.mixed,
        reals=value.mixed and value.loose,
        form=value.moment.form if value.moment else None,
        zone=value.moment.zone if value.moment else context.zone,
    )
