"""JSON: values taken out of documents by a known path, and documents that are put together."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_deploy.schema.identifiers import literal
from pytest_deploy.schema.translation.conversions import as_text
from pytest_deploy.schema.translation.values import (
    DATES,
    Sort,
    UntranslatableError,
    Value,
    integer,
    require,
    text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlglot.expressions.core import Expr

    from pytest_deploy.schema.translation.expressions import Translator

    Function = Callable[[Translator, Sequence[Expr]], Value]

_STEP = re.compile(r"""\.(?:"(?P<quoted>[^"\\]*)"|(?P<name>[^."\[\]\\]+))|\[(?P<at>\d+|\#-\d+)\]""")
# What these give stands in a document as it is; any other text is quoted.
_DOCUMENTS = frozenset(
    {"json", "json_array", "json_object", "json_group_array", "json_group_object", "json_quote"}
)


def _extract(t: Translator, arguments: Sequence[Expr]) -> Value:
    require(len(arguments) == 2, "json_extract() of several paths")  # noqa: PLR2004
    return _value(t, arguments[0], arguments[1])


def _value(t: Translator, document: Expr, path: Expr) -> Value:
    """Take a value out: a number or a text in SQLite, its text in Postgres."""
    found = _at(t, document, path)
    number = f"json_typeof({found}) = 'number' AND ({found})::text !~ '^-?[0-9]+$'"
    real = t.context.call("sqlite_text", f"({found})::text::double precision")
    other = t.context.call("sqlite_json_text", found)
    sql = f"(CASE WHEN {number} THEN {real} ELSE {other} END)"
    return Value(sql, Sort.TEXT, mixed=True, document=found)


def _part(t: Translator, document: Expr, path: Expr) -> Value:
    return text(t.context.call("sqlite_json", _at(t, document, path)))


def _at(t: Translator, document: Expr, path: Expr | None = None) -> str:
    """Give SQL of type json for what stands at a path."""
    value = t.of(document)
    require(value.sort is Sort.TEXT and not value.mixed, f"JSON that is {value.sort}")
    sql = f"({value.sql})::json"
    if path is None:
        return sql
    return f"({sql} -> {' -> '.join(steps)})" if (steps := _steps(t.of(path))) else sql


def _steps(path: Value) -> list[str]:
    """Read a path; a label or a number alone, as `->` takes it, is one step."""
    if isinstance(path.constant, int):
        return [str(path.constant)]
    require(isinstance(path.constant, str), "a JSON path that is not a string")
    said, at, steps = str(path.constant), 1, []
    if not said.startswith("$"):
        return [literal(said)]
    while at < len(said):
        step = _STEP.match(said, at)
        if step is None:
            raise UntranslatableError("a JSON path of this form")
        place = step["at"]
        name = step["quoted"] if step["quoted"] is not None else step["name"]
        steps.append(place.lstrip("#") if place else literal(name))
        at = step.end()
    return steps


def _type(t: Translator, arguments: Sequence[Expr]) -> Value:
    require(len(arguments) in (1, 2), "a call with another number of arguments")
    return text(t.context.call("sqlite_json_type", _at(t, *arguments)))


def _array_length(t: Translator, arguments: Sequence[Expr]) -> Value:
    require(len(arguments) in (1, 2), "a call with another number of arguments")
    found = _at(t, *arguments)
    is_array = f"json_typeof({found}) = 'array'"
    # Of what is not there it is NULL, of what is no array 0.
    return integer(
        f"(CASE WHEN {is_array} THEN json_array_length({found})"
        f" WHEN {found} IS NOT NULL THEN 0 END)"
    )


def _document(t: Translator, arguments: Sequence[Expr]) -> Value:
    require(len(arguments) == 1, "a call with another number of arguments")
    return text(t.context.call("sqlite_json", _at(t, arguments[0])))


def _array(t: Translator, arguments: Sequence[Expr]) -> Value:
    return _joined("[", [written(t, argument, t.of(argument)) for argument in arguments], "]")


def _object(t: Translator, arguments: Sequence[Expr]) -> Value:
    require(len(arguments) % 2 == 0, "json_object() of an odd number of arguments")
    pairs = zip(arguments[::2], arguments[1::2], strict=True)
    parts = [f"{label(t, t.of(name))} || {written(t, value, t.of(value))}" for name, value in pairs]
    return _joined("{", parts, "}")


def _joined(opening: str, parts: Sequence[str], closing: str) -> Value:
    inside = " || ',' || ".join(parts)
    between = f" || {inside}" if parts else ""
    return text(f"('{opening}'{between} || '{closing}')")


def label(t: Translator, value: Value) -> str:
    """
    Write the label of a value in a document.

    Args:
        t: The translator.
        value: What the label is.

    Returns:
        SQL of a text, with its colon.

    Raises:
        UntranslatableError: It is no text.
    """
    require(value.sort is Sort.TEXT and not value.mixed, "a label that is no text")
    return f"{t.context.call('sqlite_json_quoted', value.sql)} || ':'"


def written(t: Translator, node: Expr, value: Value) -> str:
    """
    Write a value as it stands in a document.

    Args:
        t: The translator.
        node: What yields it: a document stands as it is, other texts are quoted.
        value: What it yields.

    Returns:
        SQL of a text.

    Raises:
        UntranslatableError: It has no equal in JSON that we know.
    """
    if value.sort is Sort.NULL:
        return "'null'"
    require(not value.mixed, "JSON of what is now a number, now a text")
    said = as_text(value, t.context)
    is_document = node.key == "jsonextract" or (
        node.key == "anonymous" and node.name.lower() in _DOCUMENTS
    )
    if value.sort in DATES | {Sort.TEXT} and not is_document:
        said = t.context.call("sqlite_json_quoted", said)
    return f"coalesce({said}, 'null')"


def _quoted(t: Translator, arguments: Sequence[Expr]) -> Value:
    require(len(arguments) == 1, "a call with another number of arguments")
    return text(written(t, arguments[0], t.of(arguments[0])))


def each(t: Translator, arguments: Sequence[Expr]) -> str:
    """
    Take a document apart, as json_each() does in a FROM clause.

    Args:
        t: The translator.
        arguments: The document, and perhaps a path.

    Returns:
        SQL of a call that yields the rows: key, value, type and atom.

    Raises:
        UntranslatableError: It has no equal that we know.

    Source: https://www.sqlite.org/json1.html#jeach
    """
    require(len(arguments) in (1, 2), "json_each() with another number of arguments")
    return t.context.call("sqlite_json_each", _at(t, *arguments))


FUNCTIONS: dict[str, Function] = {
    "json": _document,
    "json_array": _array,
    "json_array_length": _array_length,
    "json_extract": _extract,
    "json_object": _object,
    "json_quote": _quoted,
    "json_type": _type,
}
RULES: dict[str, Callable[[Translator, Expr], Value]] = {
    "jsonextract": lambda t, node: _part(t, node.this, node.expression),
    "jsonextractscalar": lambda t, node: _value(t, node.this, node.expression),
}
