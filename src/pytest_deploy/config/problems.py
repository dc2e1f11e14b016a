"""Says what is wrong in a `deploy.toml`: the key as written there, what is allowed and seen."""

from __future__ import annotations

import difflib
from datetime import date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from pytest_deploy.config.fields import REFERENCE
from pytest_deploy.config.lines import dotted, quoted
from pytest_deploy.config.sections import File
from pytest_deploy.errors import ConfigError
from pytest_deploy.secrets import Secret, redact_url

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

_SHOWN_LETTERS = 60
_KINDS = {
    str: "text",
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    dict: "a table",
    list: "a list",
    date: "a date",
    datetime: "a date",
    time: "a time",
}
_ALLOWED: dict[Any, str] = {
    str: "text",
    bool: "true or false",
    int: "an integer",
    float: "a number",
    Path: "a path",
    Secret: REFERENCE,
}
# pydantic's own words are used for these alone: they tell a bound, and never a value.
_BOUNDS = ("greater_than_equal", "less_than_equal", "greater_than", "less_than")


def invalid(path: Path, error: ValidationError, told: dict[str, Any]) -> ConfigError:
    """
    Put all that is wrong in a file into one error.

    Args:
        path: The file.
        error: What pydantic found.
        told: What stands in the file.

    Returns:
        The error; values of secrets are not in it.
    """
    problems = [_problem(details, told) for details in error.errors(include_url=False)]
    count = f"{len(problems)} problems" if len(problems) > 1 else "1 problem"
    return ConfigError(
        f"configuration {path}: {count}",
        problem="\n  ".join(problems),
        where=str(path),
        remedy="correct the keys named above",
    )


def meant(name: str, known: Iterable[str]) -> str:
    """
    Suggest what a misspelt name was meant to be.

    Args:
        name: As written.
        known: The names that there are.

    Returns:
        The end of a sentence; empty where nothing is near.
    """
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _problem(details: ErrorDetails, told: dict[str, Any]) -> str:
    place = [str(part) for part in details["loc"]]
    key = dotted(place)
    if details["type"] == "extra_forbidden":
        return f"{key}: {_unknown(place, told)}"
    kind = _kind_at(place)
    if details["type"] == "missing":
        return f"{key}: expected {_allowed(kind)}; seen none"
    value = _value_at(place, told)
    expected = _allowed(kind)
    if details["type"] == "value_error":
        expected = details["msg"].removeprefix("Value error, ")
    elif details["type"] == "finite_number":
        expected = "a finite number"
    elif details["type"] in _BOUNDS:
        expected = details["msg"].removeprefix("Input should be ")
    elif value == "":
        expected += " that is not empty"
    hint = meant(value, _choices(kind)) if isinstance(value, str) else ""
    return f"{key}: expected {expected}; seen {_seen(value, kind)}{hint}"


def _unknown(place: list[str], told: dict[str, Any]) -> str:
    known = sorted(field.alias or name for name, field in _fields_at(place[:-1]).items())
    said = f"unknown key; known are {', '.join(known)}{meant(place[-1], known)}"
    above, name = place[:-2], ".".join(place[-2:])
    if above[:1] == ["schema"] and isinstance(_value_at(place, told), dict):
        said += f"; a name with a dot stands in quotes: [{dotted([*above, name])}]"
    return said


def _fields_at(place: list[str]) -> dict[str, Any]:
    return _section(_kind_at(place)).model_fields


def _kind_at(place: list[str]) -> Any:  # noqa: ANN401 - annotations have no common type
    """Give the annotation of a place: a section, a dict or list of something, or a value's type."""
    kind: Any = File
    for part in place:
        if get_origin(kind) is dict:
            kind = get_args(kind)[1]
        elif get_origin(kind) is tuple:
            kind = get_args(kind)[0]
        else:
            fields = _section(kind).model_fields.items()
            kind = next(f.annotation for name, f in fields if part == (f.alias or name))
    return kind


def _section(kind: Any) -> type[BaseModel]:  # noqa: ANN401 - the same
    """Give the section that may be left out: `Section | None`."""
    found: type[BaseModel] = next((p for p in get_args(kind) if hasattr(p, "model_fields")), kind)
    return found


def _leaves(kind: Any) -> list[Any]:  # noqa: ANN401 - the same
    """Take an annotation apart: `Annotated[str, ...] | None` is str and None."""
    inner = () if get_origin(kind) in (Literal, dict) else get_args(kind)
    return [leaf for part in inner for leaf in _leaves(part)] or [kind]


def _choices(kind: Any) -> list[str]:  # noqa: ANN401 - the same
    leaves = (leaf for leaf in _leaves(kind) if get_origin(leaf) is Literal)
    return [str(choice) for leaf in leaves for choice in get_args(leaf)]


def _allowed(kind: Any) -> str:  # noqa: ANN401 - the same
    if get_origin(kind) is tuple:
        return f"a list of {_allowed(get_args(kind)[0])}"
    choices = _choices(kind)
    if choices:
        return "one of " + ", ".join(map(quoted, choices))
    return next((_ALLOWED[leaf] for leaf in _leaves(kind) if leaf in _ALLOWED), "a table")


def _value_at(place: list[str], told: dict[str, Any]) -> Any:  # noqa: ANN401 - any TOML value
    value: Any = told
    for part in place:
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


def _seen(value: Any, kind: Any) -> str:  # noqa: ANN401 - any TOML value
    seen = _KINDS[type(value)]
    # Where a table belongs, what stands there may be the secret that belongs inside it.
    hidden = Secret in _leaves(kind) or _allowed(kind) == "a table"
    if hidden or isinstance(value, dict | list):
        return seen
    shown = redact_url(quoted(value)) if isinstance(value, str) else str(value)
    shown = shown.lower() if isinstance(value, bool) else shown
    return f"{seen}: {shown if len(shown) <= _SHOWN_LETTERS else shown[:_SHOWN_LETTERS] + '...'}"
