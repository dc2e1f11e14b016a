"""Charts as inline SVG: lines and columns without text, which the page sets around them."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, log10
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDTH, _HEIGHT = 1000.0, 300.0
_STEPS = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
_GRID = 4
_FEWEST = 2


@dataclass(frozen=True)
class Series:
    """
    One line of a chart.

    Args:
        name: What it shows; also the class that styles it.
        points: Pairs of x and y, in the order of x.
    """

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Chart:
    """
    A drawing, and what is written around it.

    Args:
        svg: The drawing; it stretches, so there is no text in it.
        top: The value at its upper edge; the lower edge is 0.
        left: The value at its left edge.
        right: The value at its right edge.
    """

    svg: Markup
    top: float
    left: float = 0.0
    right: float = 0.0


def lines(series: Sequence[Series], *, label: str, least: float = 0.0) -> Chart | None:
    """
    Draw lines over one another.

    Args:
        series: The lines.
        label: What a reader who cannot see it is told.
        least: A value that the vertical axis must reach.

    Returns:
        The chart; None where no line has two points, which would show nothing.
    """
    drawn = [one for one in series if len(one.points) >= _FEWEST]
    if not drawn:
        return None
    xs = [x for one in drawn for x, _ in one.points]
    top = nice(max([least, *(y for one in drawn for _, y in one.points)]))
    left, right = min(xs), max(xs)
    body = [_grid(), *(_line(one, left, right, top) for one in drawn)]
    return Chart(_svg(label, body), top, left, right)


def bar(value: float, largest: float, *, tone: str = "") -> Markup:
    """
    Draw one bar for a cell of a table.

    Args:
        value: Its length.
        largest: The length of the longest one.
        tone: The class that styles it.

    Returns:
        SVG; hidden from those who cannot see it, since the cell has the figure.
    """
    share = 100 * min(1.0, value / largest) if largest > 0 else 0.0
    return Markup(
        '<svg class="bar {}" width="100%" height="10" aria-hidden="true" focusable="false">'
        '<rect class="track" width="100%" height="10" rx="2"/>'
        '<rect class="fill" width="{:.2f}%" height="10" rx="2"/></svg>'
    ).format(tone, share)


def column(value: float, largest: float, *, tone: str = "") -> Markup:
    """
    Draw one upright column.

    Args:
        value: Its height.
        largest: The height of the highest one.
        tone: The class that styles it.

    Returns:
        SVG; hidden from those who cannot see it, since a table beside it has the figures.
    """
    share = max(1.0, 100 * min(1.0, value / largest)) if largest > 0 else 1.0
    return Markup(
        '<svg class="column {}" width="100%" height="100%" aria-hidden="true" focusable="false">'
        '<rect class="fill" x="0" width="100%" y="{:.2f}%" height="{:.2f}%" rx="2"/></svg>'
    ).format(tone, 100 - share, share)


def nice(value: float) -> float:
    """
    Round up to the end of an axis.

    Args:
        value: The largest one to be shown.

    Returns:
        1, 2, 2.5 or 5 times a power of ten, at least as large; 1 for nothing.
    """
    if value <= 0:
        return 1.0
    power = 10.0 ** floor(log10(value))
    return next(step * power for step in _STEPS if step * power >= value * (1 - 1e-9))


def thinned(
    points: Sequence[tuple[float, float]], most: int = 200
) -> tuple[tuple[float, float], ...]:
    """
    Leave out points that no screen shows, but no peak.

    Args:
        points: In the order of x.
        most: How many may stay.

    Returns:
        The highest point of each of `most` parts, in the order of x.
    """
    if len(points) <= most:
        return tuple(points)
    size = ceil(len(points) / most)
    parts = (points[start : start + size] for start in range(0, len(points), size))
    return tuple(max(part, key=lambda point: point[1]) for part in parts)


def _line(series: Series, left: float, right: float, top: float) -> Markup:
    width = (right - left) or 1.0
    places = " ".join(
        f"{_WIDTH * (x - left) / width:.1f},{_HEIGHT * (1 - y / top):.1f}"
        for x, y in thinned(series.points)
    )
    return Markup('<polyline class="line {}" points="{}"/>').format(series.name, places)


def _grid() -> Markup:
    heights = (_HEIGHT * step / _GRID for step in range(_GRID + 1))
    marks = (f'<path class="grid" d="M0 {y:.0f}H{_WIDTH:.0f}"/>' for y in heights)
    return Markup("".join(marks))  # noqa: S704 - numbers of ours


def _svg(label: str, body: Sequence[Markup]) -> Markup:
    return Markup(
        '<svg class="chart" role="img" viewBox="0 0 {:.0f} {:.0f}" preserveAspectRatio="none">'
        "<title>{}</title>{}</svg>"
    ).format(_WIDTH, _HEIGHT, escape(label), Markup("").join(body))
