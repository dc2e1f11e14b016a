"""The words of Markdown: text, names, tables, blocks of code, whatever stands in them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_deploy.report.forms import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

# An underscore within a word marks nothing up, and names are full of them.
_SPECIAL = re.compile(r"([\\`*{}\[\]|~#]|(?<![^\W_])_|_(?![^\W_]))")
_TICKS = re.compile("`+")


def plain(text: str) -> str:
    """
    Write a text so that Markdown shows it as it is.

    Args:
        text: Any text.

    Returns:
        One line, without markup, HTML or people's names that GitHub would call.
    """
    line = " ".join(visible(str(text)).split())
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", line).replace("@", "&#64;")


def code(text: str) -> str:
    """
    Write a name as code.

    Args:
        text: Any text.

    Returns:
        A code span, also in a cell of a table and with backticks inside.
    """
    line = " ".join(visible(str(text)).split()).replace("|", "\\|")
    longest = max((len(run) for run in _TICKS.findall(line)), default=0)
    if not line:
        return ""
    fence, space = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{space}{line}{space}{fence}"


def table(titles: Sequence[str], rows: Iterable[Sequence[str]], none: str = "") -> Iterator[str]:
    """
    Lay a table out.

    Args:
        titles: Of its columns.
        rows: Of as many cells each, as `plain` and `code` write them.
        none: What is said where there is no row.

    Yields:
        Its lines.
    """
    laid_out = [f"| {' | '.join(row)} |" for row in rows]
    if not laid_out:
        yield none
        return
    yield f"| {' | '.join(titles)} |"
    yield f"|{' --- |' * len(titles)}"
    yield from laid_out


def block(lines: Iterable[str]) -> Iterator[str]:
    """
    Show lines as they are, whatever stands in them.

    Args:
        lines: Any lines.

    Yields:
        A block of code; indented, it belongs to the point above it.
    """
    text = [line for given in lines for line in given.split("\n")]
    longest = max((len(run) for line in text for run in _TICKS.findall(line)), default=0)
    fence = "`" * max(3, longest + 1)
    yield ""
    yield from (f"   {line}" for line in (fence, *text, fence))
    yield ""
