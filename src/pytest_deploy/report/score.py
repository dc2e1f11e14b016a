"""The score of red twins as a person reads it: gates by defects."""

from __future__ import annotations

import textwrap
from itertools import groupby, zip_longest
from string import ascii_letters, digits
from typing import TYPE_CHECKING

from pytest_deploy.report.red_twins import TwinState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_deploy.report.red_twins import Score, TwinResult

_WIDTH = 100
_INDENT = " " * 10
_NAMES = 38  # of gates, in the legend
_DEFECTS = 34  # and of defects: what is left to a hundred columns has room for 56 gates
_KEY = "# must catch it and does   + says no, too   . green   ! MISSED   blank: did not run"


def score_lines(score: Score) -> Iterator[tuple[str, str | None]]:
    """
    Tell the score: how many, the table, and what is wrong.

    Args:
        score: The score.

    Yields:
        Lines of at most 100 columns, each with the colour that a terminal may give it.
    """
    counts = ", ".join(f"{score.count(state)} {state.value}" for state in TwinState)
    defects = len({twin.defect for twin in score.twins})
    bad = score.count(TwinState.MISSED) or score.gates_without_twin
    planted = f"{defects} {'defect' if defects == 1 else 'defects'}"
    yield f"red twins {counts} ({planted})", "red" if bad else "green"
    if defects > 1:
        yield from ((line, None) for line in _table(score))
    for twin in score.twins:
        if twin.state is TwinState.MISSED:
            yield from _wrapped(f"MISSED {twin.defect}, by {twin.gate}: {twin.note}", "red")
    for defect, entries in groupby(score.twins, key=lambda twin: twin.defect):
        first = next(entries)
        if first.state is TwinState.NOT_APPLICABLE:
            yield from _wrapped(f"not applicable: {defect}: {first.note}", "yellow")
    for gate in score.gates_without_twin:
        yield f"{_INDENT}WITHOUT A TWIN {gate}: nobody knows whether it can fail", "red"
    if bad:
        yield f"{_INDENT}see runbooks/red-twin-missed.md", None


def _table(score: Score) -> Iterator[str]:
    gates = _gates(score)
    letters = dict(zip(gates, ascii_letters + digits, strict=False))
    legend = [f"{letter} {gate}" for gate, letter in letters.items()]
    for left, right in zip_longest(legend[::2], legend[1::2], fillvalue=""):
        yield f"{_INDENT}{left:{_NAMES}}{right}".rstrip()
    yield f"{_INDENT}{_KEY}"
    yield f"{_INDENT}{'':{_DEFECTS}}{''.join(letters.values())}"
    for defect, entries in groupby(score.twins, key=lambda twin: twin.defect):
        marks = _marks(tuple(entries), gates)
        yield f"{_INDENT}{textwrap.shorten(defect, _DEFECTS - 2):{_DEFECTS}}{marks}".rstrip()


def _gates(score: Score) -> tuple[str, ...]:
    """Name every gate that came to a verdict or should have, in the order of their defects."""
    promising = dict.fromkeys(twin.gate for twin in score.twins)
    others = dict.fromkeys(gate for twin in score.twins for gate in twin.ran)
    return tuple({**promising, **others, **dict.fromkeys(score.gates_without_twin)})


def _marks(entries: tuple[TwinResult, ...], gates: tuple[str, ...]) -> str:
    states = {entry.gate: entry.state for entry in entries}
    first = entries[0]

    def mark(gate: str) -> str:
        if states.get(gate) is TwinState.MISSED:
            return "!"
        if gate in first.caught_by:
            return "#" if gate in states else "+"
        return "." if gate in first.ran and first.state is not TwinState.NOT_APPLICABLE else " "

    return "".join(map(mark, gates))


def _wrapped(text: str, colour: str) -> Iterator[tuple[str, str | None]]:
    lines = textwrap.wrap(text, _WIDTH - len(_INDENT), subsequent_indent="  ")
    yield from ((f"{_INDENT}{line}", colour) for line in lines)


def markdown(score: Score) -> str:
    """
    Write what each gate catches as a table of Markdown.

    Args:
        score: The score.

    Returns:
        One line for each gate, with every defect that it must catch; those that it did not, or that
        had no place, are marked.
    """
    lines = ["| gate | catches |", "|---|---|"]
    for gate in dict.fromkeys(twin.gate for twin in score.twins):
        told = [_in_words(twin) for twin in score.twins if twin.gate == gate]
        lines.append(f"| `{gate}` | {', '.join(told)} |")
    lines += [f"| `{gate}` | **no defect yet** |" for gate in score.gates_without_twin]
    return "\n".join(lines) + "\n"


def _in_words(twin: TwinResult) -> str:
    if twin.state is TwinState.CAUGHT:
        return twin.defect
    return f"{twin.defect} (**{twin.state.value}**)"
