"""Comparisons, from = to GLOB, by SQLite's rules of affinity and collation."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_deploy.schema.dates import DateForm, day_of, parse_date
from pytest_deploy.schema.identifiers import literal, quoted
from pytest_deploy.schema.translation.conversions import as_text
from pytest_deploy.schema.translation.scope import at_zone
from pytest_deploy.schema.translation.values import (
    DATES,
    NUMBERS,
    Moment,
    Sort,
    UntranslatableError,
    Value,
    condition,
    folded,
    is_numeric_text,
    number,
    require,
    signed_constant,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlglot.expressions.core import Expr

    from pytest_deploy.schema.translation.expressions import Translator

    Rule = Callable[[Translator, Expr], Value]

_ORDERS = frozenset({"<", "<=", ">", ">="})
_OF_DAY = {"<": "<", "<=": "<", ">": ">=", ">=": ">="}
_SWAPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_COUNTED = NUMBERS | {Sort.FLAG}
_OF_CLASSES = {"IS DISTINCT FROM": "(true)", "IS NOT DISTINCT FROM": "(false)"}
_READS_AS_NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"
_LETTERS = re.compile("[A-Za-z]")
_ASCII_UPPER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


def _comparison(t: Translator, node: Expr, operator: str) -> Value:
    left, right = node.this, node.expression
    if left.key == right.key == "tuple":
        return condition(_rows(t, left, right, operator))
    return condition(equal(t, t.of(left), t.of(right), operator))


def _rows(t: Translator, left: Expr, right: Expr, operator: str) -> str:
    require(len(left.expressions) == len(right.expressions), "rows of different lengths")
    pairs = list(zip(t.all(left.expressions), t.all(right.expressions), strict=True))
    if operator in _ORDERS:
        return _order_of_rows(t, pairs, operator)
    require(operator in ("=", "<>"), "IS of rows")
    equals = " AND ".join(equal(t, one, other, "=") for one, other in pairs)
    return f"({equals})" if operator == "=" else f"(NOT ({equals}))"


def _order_of_rows(t: Translator, pairs: list[tuple[Value, Value]], operator: str) -> str:
    """Compare the first values, and the others where those before them are equal."""
    (one, other), *rest = pairs
    if not rest:
        return equal(t, one, other, operator)
    same, later = equal(t, one, other, "="), _order_of_rows(t, rest, operator)
    return f"({equal(t, one, other, operator[0])} OR ({same} AND {later}))"


def equal(t: Translator, left: Value, right: Value, operator: str) -> str:
    """
    Compare two values as SQLite does.

    Args:
        t: The translator.
        left: The left side.
        right: The right side.
        operator: `=`, `<>`, an order, or `IS [NOT] DISTINCT FROM`.

    Returns:
        SQL of type boolean, in parentheses.

    Raises:
        UntranslatableError: SQLite compares values of different kinds here.

    Source: https://www.sqlite.org/datatype3.html#comparison_expressions
    """
    dated = _dates(left, right, operator)
    if dated is not None:
        return f"({dated})"
    taken_out = _of_document(left, right, operator)
    if taken_out is not None:
        return taken_out
    if left.mixed or right.mixed:
        require(operator not in _ORDERS, "an order of what is now a number, now a text")
        if not (_is_word(left) or _is_word(right)):  # no number is equal to a word, as text or not
            left, right = _as_mixed(left), _as_mixed(right)
    apart = _number_and_text(left, right, operator)
    if apart is not None:
        return apart
    left, right = _alike(t, left, right)
    collation = _collation(left, right)
    if left.sort is Sort.FLAG and operator in _ORDERS:
        left, right = number(replace(left, truth=False)), number(replace(right, truth=False))
    one, other = folded(left.sql, collation), folded(right.sql, collation)
    if operator in _ORDERS and Sort.TEXT in (left.sort, right.sort):
        # SQLite orders text by its bytes, whatever the collation of the target's database is.
        one = f'{one} COLLATE "C"'
    return f"({one} {operator} {other})"


def _of_document(left: Value, right: Value, operator: str) -> str | None:
    """Compare what is taken out of JSON with a number: every text is beyond all numbers."""
    if right.document and left.sort in NUMBERS:
        return _of_document(right, left, _SWAPPED.get(operator, operator))
    if not left.document or right.sort not in NUMBERS or operator not in (*_ORDERS, "=", "<>"):
        return None
    found, beyond = left.document, "true" if operator in (">", ">=", "<>") else "false"
    written, kind = f"({found})::text", f"json_typeof({found})"
    said = f"({found} #>> '{{}}')"
    # A column of numbers makes one of a text that reads as one.
    reads = f" WHEN {kind} = 'string' AND {said} ~ '{_READS_AS_NUMBER}' THEN {said}::numeric"
    as_number = f"{reads} {operator} {right.sql}" if right.numeric else ""
    empty = "" if right.constant is not None else f"{right.sql} IS NULL OR "
    return (
        f"(CASE WHEN {empty}{kind} = 'null' THEN NULL"
        f" WHEN {kind} = 'number' THEN {written}::numeric {operator} {right.sql}"
        f" WHEN {kind} = 'boolean' THEN {written}::boolean::integer {operator} {right.sql}"
        f"{as_number} WHEN {kind} IS NOT NULL THEN {beyond} END)"
    )


def _as_mixed(value: Value) -> Value:
    """
    Give what is equal to a text that may stand for an integer exactly when SQLite's values are.

    A column of numeric affinity keeps no text that reads as a number: its texts are different
    from all its integers, also as texts.
    """
    if value.sort is Sort.NULL:
        return value
    if isinstance(value.constant, str) and is_numeric_text(value):
        value = signed_constant(str(value.constant).strip())
    if value.sort is Sort.INTEGER:
        written = literal(str(value.constant)) if value.constant is not None else None
        return replace(value, sql=written or f"({value.sql})::text", sort=Sort.TEXT, constant=None)
    known = isinstance(value.constant, str) or (value.mixed and value.numeric and not value.loose)
    require(
        known and value.sort is Sort.TEXT and value.collation == "BINARY",
        "a comparison of what is now a number, now a text",
    )
    return value


def _is_word(value: Value) -> bool:
    """Tell whether a value is a string that does not read as a number."""
    is_text = value.sort is Sort.TEXT and isinstance(value.constant, str)
    return is_text and not is_numeric_text(value)


def _number_and_text(left: Value, right: Value, operator: str) -> str | None:
    """Compare a number with a string that is none: SQLite has every number before every text."""
    if left.sort is Sort.TEXT and right.sort in _COUNTED:
        return _number_and_text(right, left, _SWAPPED.get(operator, operator))
    if left.sort not in _COUNTED or left.textual:
        return None
    # A text that reads as a number is one only beside a column of numbers, or a CAST.
    apart = isinstance(right.constant, str) and left.sort in NUMBERS and not left.numeric
    if not (_is_word(right) or (right.sort is Sort.TEXT and apart)):
        return None
    if operator in _OF_CLASSES:
        return _OF_CLASSES[operator]
    holds = operator in ("<>", "<", "<=")
    return f"({left.sql} {'=' if holds else '<>'} {left.sql})"  # NULL stays NULL


def _collation(left: Value, right: Value) -> str:
    if Sort.TEXT not in (left.sort, right.sort):
        return "BINARY"
    for value in (left, right):
        if value.explicit:
            return value.collation
    is_column = left.numeric or left.textual
    return left.collation if is_column or left.collation != "BINARY" else right.collation


def _alike(t: Translator, left: Value, right: Value) -> tuple[Value, Value]:
    """Bring both sides to one sort, by affinity: 0 and 1 become false and true."""
    if Sort.NULL in (left.sort, right.sort):
        return left, right
    if Sort.FLAG in (left.sort, right.sort):
        left, right = _flags(left, right)
    if left.sort is right.sort or {left.sort, right.sort} <= NUMBERS:
        return left, right
    left, right = _with_affinity(left, right), _with_affinity(right, left)
    if left.sort is right.sort or {left.sort, right.sort} <= NUMBERS:
        return left, right
    if {left.sort, right.sort} <= DATES | {Sort.TEXT}:
        return _text(t, left), _text(t, right)
    raise UntranslatableError(f"a comparison of {left.sort} with {right.sort}")


def _flags(left: Value, right: Value) -> tuple[Value, Value]:
    if left.sort is right.sort:
        return left, right
    if left.sort is Sort.FLAG and right.flag is not None:
        return left, _flag(right.flag)
    if right.sort is Sort.FLAG and left.flag is not None:
        return _flag(left.flag), right
    of_flag = number(left) if left.sort is Sort.FLAG else left
    other = number(right) if right.sort is Sort.FLAG else right
    return replace(of_flag, numeric=left.numeric), replace(other, numeric=right.numeric)


def _flag(flag: bool) -> Value:
    return Value("true" if flag else "false", Sort.FLAG, truth=True)


def _with_affinity(value: Value, other: Value) -> Value:
    """Apply the affinity of the other side to a value."""
    if other.numeric and value.sort is Sort.TEXT:
        if value.digits:
            return number(value)
        if is_numeric_text(value):
            return signed_constant(str(value.constant).strip())
    if other.textual and not value.numeric and value.sort is Sort.INTEGER:
        return Value(f"({value.sql})::text", Sort.TEXT)
    return value


def _text(t: Translator, value: Value) -> Value:
    return value if value.sort is Sort.TEXT else Value(as_text(value, t.context), Sort.TEXT)


def _dates(left: Value, right: Value, operator: str) -> str | None:
    """Compare as dates where that is the same as comparing SQLite's texts of them."""
    if left.sort is right.sort and left.sort in DATES:
        return f"{left.sql} {operator} {right.sql}"
    if left.sort in DATES:
        return _with_date(left, right, operator)
    if right.sort in DATES:
        return _with_date(right, left, _SWAPPED.get(operator, operator))
    return None


def _with_date(column: Value, other: Value, operator: str) -> str | None:
    form = column.moment.form if column.moment else None
    moment = _moment_of(other, column)
    if moment is None or form is None or moment.form is None:
        return None
    if moment.form == form:
        return f"{column.sql} {operator} {_typed(moment, column.sort)}"
    # `2026-01-01` is before every `2026-01-01 10:00:00`: a text and what it begins with.
    if moment.form.is_day and column.sort is Sort.MOMENT and operator in _OF_DAY:
        return f"{column.sql} {_OF_DAY[operator]} {_typed(moment, Sort.MOMENT)}"
    return None


def _moment_of(value: Value, column: Value) -> Moment | None:
    if value.moment is not None:
        return value.moment
    parsed = parse_date(value.constant) if isinstance(value.constant, str) else None
    if parsed is None or column.moment is None:
        return None
    zone = column.moment.zone
    if parsed.form.zone:
        zone = "UTC" if parsed.form.zone == "Z" else parsed.form.zone
    if parsed.form == DateForm():
        return Moment(f"'{day_of(parsed)}'::timestamp", zone, parsed.form)
    written = parsed.moment.replace(tzinfo=None).isoformat(sep=" ")
    return Moment(f"'{written}'::timestamp", zone, parsed.form)


def _typed(moment: Moment, sort: Sort) -> str:
    return moment.day if sort is Sort.DAY else at_zone(moment.whole, moment.zone)


def _between(t: Translator, node: Expr) -> Value:
    value = t.of(node.this)
    low = equal(t, value, t.of(node.args["low"]), ">=")
    high = equal(t, value, t.of(node.args["high"]), "<=")
    return condition(f"({low} AND {high})")


def _in(t: Translator, node: Expr) -> Value:
    if node.args.get("field") is not None:
        return _in_query(t, node, *_whole_table(t, node.args["field"].name))
    if node.args.get("query") is not None:
        return _in_query(t, node, *t.query(node.args["query"]))
    if not node.expressions:
        return condition("false")
    if node.this.key == "tuple":
        rows = [_rows(t, node.this, item, "=") for item in node.expressions]
        return condition(f"({' OR '.join(rows)})")
    value, items = t.of(node.this), t.all(node.expressions)
    one_by_one = any(item.sort in DATES or item.mixed for item in (value, *items))
    if one_by_one or (value.sort in _COUNTED and any(item.sort is Sort.TEXT for item in items)):
        return condition(f"({' OR '.join(equal(t, value, item, '=') for item in items)})")
    pairs = [_alike(t, value, item) for item in items]
    if len({pair[0].sql for pair in pairs}) > 1:
        return condition(f"({' OR '.join(equal(t, value, item, '=') for item in items)})")
    collation = value.collation if value.sort is Sort.TEXT else "BINARY"
    listed = ", ".join(folded(pair[1].sql, collation) for pair in pairs)
    return condition(f"({folded(pairs[0][0].sql, collation)} IN ({listed}))")


def _whole_table(t: Translator, name: str) -> tuple[str, tuple[Value, ...]]:
    known = t.context.database.named(name)
    return f"SELECT * FROM {known.sql}", tuple(column.value(None) for column in known.columns)


def _in_query(t: Translator, node: Expr, sql: str, values: tuple[Value, ...]) -> Value:
    asked = t.all(node.this.expressions if node.this.key == "tuple" else [node.this])
    require(len(asked) == len(values), "rows of different lengths")
    for one, other in zip(asked, values, strict=True):
        if len(asked) == 1 and other.document and one.sort is Sort.INTEGER:
            return condition(f"(({one.sql})::text IN ({sql}))")
        if one.mixed or other.mixed:
            _as_mixed(one), _as_mixed(other)
        same = one.sort is other.sort or {one.sort, other.sort} <= NUMBERS
        require(same or one.sort is Sort.NULL, f"{one.sort} IN a query of {other.sort}")
    if len(asked) == 1 and asked[0].sort is Sort.TEXT and asked[0].collation != "BINARY":
        item = folded(quoted("item"), asked[0].collation)
        among = f'SELECT {item} FROM ({sql}) AS "among" ("item")'
        return condition(f"({folded(asked[0].sql, asked[0].collation)} IN ({among}))")
    binary = all(one.sort is not Sort.TEXT or one.collation == "BINARY" for one in asked)
    require(binary, "IN with a collation")
    row = ", ".join(value.sql for value in asked)
    return condition(f"({row if len(asked) == 1 else f'({row})'} IN ({sql}))")


def _is(t: Translator, node: Expr, *, negated: bool = False) -> Value:
    left, right = node.this, node.expression
    if right.key == "null":
        word = "IS NOT NULL" if negated else "IS NULL"
        return condition(f"({t.of(left).sql} {word})")
    if right.key == "boolean":
        word = "TRUE" if right.this else "FALSE"
        from_ = t.of(left)
        sql = from_.sql if from_.sort is Sort.FLAG else f"({number(from_).sql} <> 0)"
        return condition(f"({sql} IS {'NOT ' if negated else ''}{word})")
    operator = "IS DISTINCT FROM" if negated else "IS NOT DISTINCT FROM"
    return condition(equal(t, t.of(left), t.of(right), operator))


def _like(t: Translator, node: Expr, escape: str = "") -> Value:
    matches = liked(t, t.text(node.this), t.of(node.expression), escape)
    return condition(f"(NOT {matches})" if node.args.get("negate") else matches)


def liked(t: Translator, value: str, pattern: Value, escape: str = "") -> str:
    """
    Match as LIKE does: without regard to the case of ASCII letters, and only of those.

    Args:
        t: The translator.
        value: SQL of a text.
        pattern: What it is matched with.
        escape: The sign that takes `%` and `_` their meaning; empty for none.

    Returns:
        SQL of type boolean, in parentheses.

    Source: https://www.sqlite.org/lang_expr.html#like
    """
    known = pattern.constant if isinstance(pattern.constant, str) else None
    if known is not None and not _LETTERS.search(known):
        left, right = value, literal(known)
    else:
        left = folded(value, "NOCASE")
        right = folded(as_text(pattern, t.context), "NOCASE")
        if known is not None:
            right = literal(known.translate(_ASCII_UPPER))
    return f"({left} LIKE {right} ESCAPE {literal(escape)})"


def _escaped_like(t: Translator, node: Expr) -> Value:
    like, escape = node.this, t.of(node.expression).constant
    require(like.key == "like", f"{like.key} with ESCAPE")
    require(isinstance(escape, str) and len(escape) == 1, "ESCAPE with something else than a sign")
    require(not _LETTERS.match(str(escape)), "ESCAPE with a letter")
    return _like(t, like, str(escape))


def _glob(t: Translator, node: Expr) -> Value:
    return condition(globbed(t.text(node.this), t.of(node.expression)))


def globbed(value: str, pattern: Value) -> str:
    """
    Match as GLOB does, by a regular expression.

    Args:
        value: SQL of a text.
        pattern: A string literal.

    Returns:
        SQL of type boolean, in parentheses.

    Raises:
        UntranslatableError: The pattern is not known beforehand.

    Source: https://www.sqlite.org/lang_expr.html#glob
    """
    if not isinstance(pattern.constant, str):
        raise UntranslatableError("GLOB with a pattern that is not a string")
    expression = _expression_of(pattern.constant)
    if expression is None:  # a class that is never closed matches nothing
        return f"({value} IS NULL AND NULL)"
    return f'({value} COLLATE "C" ~ {literal(expression)})'


def _expression_of(pattern: str) -> str | None:
    parts, at = ["^"], 0
    while at < len(pattern):
        sign = pattern[at]
        if sign == "[":
            found = _class_of(pattern, at)
            if found is None:
                return None
            part, at = found
            parts.append(part)
            continue
        parts.append({"*": ".*", "?": "."}.get(sign) or re.escape(sign))
        at += 1
    return "".join(parts) + "$"


def _class_of(pattern: str, at: int) -> tuple[str, int] | None:
    start = at + 1
    negated = pattern[start : start + 1] == "^"
    start += negated
    closing = pattern.find("]", start + 1)  # one that comes first stands for itself
    if closing < 0:
        return None
    inner = pattern[start:closing].replace("\\", "\\\\").replace("[", "\\[")
    inner = inner.replace("]", "\\]").replace("^", "\\^")
    return f"[{'^' if negated else ''}{inner}]", closing + 1


def _compared(operator: str) -> Rule:
    return lambda t, node: _comparison(t, node, operator)


RULES: dict[str, Rule] = {
    "eq": _compared("="),
    "neq": _compared("<>"),
    "lt": _compared("<"),
    "lte": _compared("<="),
    "gt": _compared(">"),
    "gte": _compared(">="),
    "between": _between,
    "in": _in,
    "is": _is,
    "nullsafeeq": _is,
    "nullsafeneq": lambda t, node: _is(t, node, negated=True),
    "like": _like,
    "escape": _escaped_like,
    "glob": _glob,
}
