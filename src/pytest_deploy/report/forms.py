"""How names, times, sizes and figures are written for people."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime

_COMMAND = re.compile(r"^(\s*)(::|##\[)", re.MULTILINE)
_HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")  # controls, marks of format, halves, breaks of lines
_MINUTE_S = 60.0
_SHORT_S = 0.1
_SHORTEST_S = 0.001
_NONE = "\N{EN DASH}"


def visible(text: str) -> str:
    """
    Write a text so that it is only read: names of tables and files may hold anything.

    Args:
        text: Any text, of one line or several.

    Returns:
        The text. What moves a cursor, colours letters or turns them round is shown by its number,
        and no line is a command of CI.

    Source: https://docs.github.com/actions/reference/workflow-commands-for-github-actions
    """
    if text.isprintable() and not _COMMAND.match(text):
        return text
    shown = "".join(_escaped(letter) if _is_hidden(letter) else letter for letter in text)
    return _COMMAND.sub(r"\1\\\2", shown)


def _is_hidden(letter: str) -> bool:
    return letter not in "\n\t" and unicodedata.category(letter) in _HIDDEN


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode()


def words(name: str) -> str:
    """
    Write a name in snake_case as people do.

    Args:
        name: The name.

    Returns:
        Its words.
    """
    return name.replace("_", " ")


def seconds(value: float | None) -> str:
    """
    Write a time as people read it.

    Args:
        value: In seconds; None where it is not known.

    Returns:
        Milliseconds, seconds or minutes.
    """
    if value is None:
        return _NONE
    if 0 < value < _SHORTEST_S:
        return "<1 ms"
    if 0 < value < _SHORT_S:
        return f"{value * 1000:,.0f} ms"
    if value < _MINUTE_S:
        return f"{value:.1f} s" if value else "0 s"
    minutes, rest = divmod(round(value), int(_MINUTE_S))
    return f"{minutes:,} min {rest:02d} s"


def size(value: int | None) -> str:
    """
    Write a size as people read it.

    Args:
        value: In bytes; None where it is not known.

    Returns:
        In the largest fitting unit.
    """
    if value is None:
        return _NONE
    amount = float(value)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:  # noqa: PLR2004 - the step between units
            return f"{amount:,.0f} {unit}" if unit == "B" else f"{amount:,.1f} {unit}"
        amount /= 1000
    return f"{amount:,.1f} GB"


def moment(text: str) -> str:
    """
    Write an instant as people read it.

    Args:
        text: In UTC, ISO 8601.

    Returns:
        To the second.
    """
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S} UTC"


def minute(text: str) -> str:
    """
    Write an instant as short as a chart needs it.

    Args:
        text: In UTC, ISO 8601.

    Returns:
        To the minute.
    """
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M}"


def figure(value: float | str) -> str:
    """
    Write a figure of a gate.

    Args:
        value: A number or a text.

    Returns:
        Numbers with their thousands apart.
    """
    return f"{value:,}" if isinstance(value, int | float) else value


def count(number: int, what: str) -> str:
    """
    Write how many there are of something.

    Args:
        number: How many.
        what: Of what, in the singular; its plural ends in s.

    Returns:
        The number with its noun.
    """
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
