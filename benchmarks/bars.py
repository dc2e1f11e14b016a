"""What is measured against what, and how much is allowed."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

MOST_MEGABYTES = 400
MOST_GROWTH = 12
MOST_EMPTY_S = 4


@dataclass(frozen=True)
class Bar:
    """
    One limit.

    Args:
        name: What is held against what.
        value: What was measured; None where it was not.
        most: What is allowed; None where it is only told.
    """

    name: str
    value: float | None
    most: float | None

    @property
    def holds(self) -> bool:
        """Whether it is kept; what was not measured is not held against anybody."""
        return self.value is None or self.most is None or self.value <= self.most

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.name} not measured"
        if self.most is None:
            return f"{self.name} {self.value:.2f}"
        return f"{self.name} {self.value:.2f} ({'' if self.holds else 'MISSED, '}bar {self.most:g})"


def medians(runs: list[dict[str, float]]) -> dict[str, float]:
    """Give the median of each measurement that every run has."""
    common = [name for name in runs[0] if all(name in run for run in runs)]
    return {name: median(run[name] for run in runs) for name in common}


def bars(seconds: dict[str, float], workers: int) -> list[Bar]:
    """Hold what was measured against what is allowed on so many cores."""
    few = workers <= 2
    rows, riding = seconds["rows alone"], seconds["rows, digest riding"]
    keys, limit = seconds["keys and indexes"], seconds["limit, rows"]
    load, least = rows + keys, limit + seconds["limit, keys and indexes"]
    proof = max(0.0, riding - rows) + seconds["proof"]
    whole = riding + keys + seconds["proof"]
    pgloader = seconds.get("pgloader")
    growth = (
        seconds.get("all of it")
        and seconds.get("a tenth")
        and (seconds["all of it"] / seconds["a tenth"])
    )
    return [
        Bar("all/pgloader", pgloader and whole / pgloader, 0.5 if few else 0.4),
        Bar("load/limit", load / least, 1.8 if few else 1.25),
        Bar("proof/load", proof / load, 0.75),
        Bar("rows alone/limit's rows", rows / limit, None),
        Bar("memory MB", seconds["memory MB"], MOST_MEGABYTES),
        Bar("growth", growth or None, MOST_GROWTH),
        Bar("100 empty tables s", seconds.get("100 empty tables"), MOST_EMPTY_S),
    ]
