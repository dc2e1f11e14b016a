"""Every single response time, kept as it was measured: percentiles are exact, not of buckets."""

from __future__ import annotations

import csv
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

MOST_NAMES = 200
_COLUMNS = ("finished_s", "waited_ms", "name", "error")
_TYPES = {"finished_s": "d", "waited_s": "d", "name": "H", "error": "H"}


class Sample(NamedTuple):
    """
    One request.

    Args:
        finished_s: When it ended, in seconds since the test began.
        waited_s: How long it took, from its intended start.
        name: Its name in the journey.
        error: Class and code of what went wrong; empty where it was answered.
    """

    finished_s: float
    waited_s: float
    name: str
    error: str = ""

    @property
    def due_s(self) -> float:
        """When it should have begun, in seconds since the test began."""
        return self.finished_s - self.waited_s


@dataclass
class Samples:
    """
    Many requests, in columns: a million of them take 20 MB.

    Args:
        names: Names of requests; samples hold their numbers.
        errors: Kinds of errors; number 0 is none.
        columns: Finished, waited, name and error of each sample.
    """

    names: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=lambda: [""])
    columns: dict[str, array[Any]] = field(
        default_factory=lambda: {name: array(kind) for name, kind in _TYPES.items()}
    )

    def __len__(self) -> int:
        return len(self.columns["finished_s"])

    def __iter__(self) -> Iterator[Sample]:
        for finished, waited, name, error in zip(*self.columns.values(), strict=True):
            yield Sample(finished, waited, self.names[name], self.errors[error])

    def add(self, sample: Sample) -> None:
        """
        Add a request.

        Args:
            sample: The request.
        """
        name, error = _number(self.names, sample.name), _number(self.errors, sample.error)
        row = (sample.finished_s, sample.waited_s, name, error)
        for column, value in zip(self.columns.values(), row, strict=True):
            column.append(value)

    def packed(self) -> dict[str, Any]:
        """
        Make a message of all samples.

        Returns:
            What `merge` takes, of simple types.
        """
        columns = {name: column.tobytes() for name, column in self.columns.items()}
        return {"names": self.names, "errors": self.errors, "columns": columns}

    def merge(self, packed: dict[str, Any]) -> None:
        """
        Add the samples of another process.

        Args:
            packed: What `packed` made there.
        """
        other = Samples(list(packed["names"]), list(packed["errors"]))
        for name, column in other.columns.items():
            column.frombytes(packed["columns"][name])
        for sample in other:
            self.add(sample)

    def write(self, path: Path) -> None:
        """
        Write all samples as CSV.

        Args:
            path: The file.
        """
        with path.open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(_COLUMNS)
            for s in self:
                rows.writerow((f"{s.finished_s:.6f}", f"{s.waited_s * 1000:.3f}", s.name, s.error))


def read(path: Path) -> list[Sample]:
    """
    Read samples that were written as CSV.

    Args:
        path: The file.

    Returns:
        The samples.

    Raises:
        ValueError: The file is not one of ours, or not whole.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        if tuple(next(rows, ())) != _COLUMNS:
            raise ValueError("expected samples")
        return [Sample(float(f), float(w) / 1000, name, error) for f, w, name, error in rows]


def percentile_ms(waited_s: Sequence[float], percent: float) -> float | None:
    """
    Give the response time that so many percent of requests did not exceed: one that was measured.

    Args:
        waited_s: Response times in ascending order.
        percent: Above 0, up to 100.

    Returns:
        Milliseconds; None where there is no request.
    """
    if not waited_s:
        return None
    rank = -(-len(waited_s) * percent // 100)
    return round(waited_s[max(0, int(rank) - 1)] * 1000, 3)


def percentiles_ms(
    samples: Iterable[Sample],
) -> tuple[float | None, float | None, float | None]:
    """
    Give the median, the 95th and the 99th percentile.

    Args:
        samples: Requests, those that failed among them: they made somebody wait, too.

    Returns:
        Milliseconds; None where there is no request.
    """
    ordered = sorted(sample.waited_s for sample in samples)
    p50, p95, p99 = (percentile_ms(ordered, percent) for percent in (50, 95, 99))
    return p50, p95, p99


def _number(names: list[str], name: str) -> int:
    if name in names:  # there are few, and a dictionary would have to travel, too
        return names.index(name)
    names.append(name)
    return len(names) - 1
