"""What is really stored in each column: one pass over a table, by columns."""

from __future__ import annotations

import math
import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, cast

from pytest_deploy.schema.dates import DateForm, form_of
from pytest_deploy.schema.identifiers import quoted, quoted_list
from pytest_deploy.schema.instants import is_plausible
from pytest_deploy.schema.kinds import (
    INSTANTS,
    Kind,
    RawValue,
    TargetType,
    fits,
    is_storable_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import apsw

    from pytest_deploy.schema.model import Table

    Connect = Callable[[str], sqlite3.Connection | apsw.Connection]

BATCH_ROWS = 500
_BATCH_BYTES = 8 * 2**20
_SAMPLED = 20
# Made once: `str | bytes` would be made anew for every value.
_SIZED = (str, bytes)
_NUMBERS = (int, float)
_NAMES = {type(None): "null", int: "integer", float: "real", str: "text", bytes: "blob"}


@dataclass
class ColumnProfile:
    """
    What one column holds.

    Args:
        classes: Values by storage class: null, integer, real, text, blob.
        smallest: The smallest integer; 0 where there is none.
        largest: The largest integer; 0 where there is none.
        infinities: Reals that are infinite.
        unstorable_texts: Texts with NUL or bytes that are not UTF-8.
        longest_bytes: The longest text or blob.
        date_forms: Texts by the form of date they are in; only where the declaration is a date.
        beyond_declared: Numbers that do not fit the declared precision and scale.
        instants: Numbers by the type for which they may be instants; only where the declaration is
            a date.
        as_declared: Values that are what is declared; only of UUID and JSON.
    """

    classes: Counter[str] = field(default_factory=Counter)
    smallest: int = 0
    largest: int = 0
    infinities: int = 0
    unstorable_texts: int = 0
    longest_bytes: int = 0
    date_forms: Counter[DateForm] = field(default_factory=Counter)
    beyond_declared: int = 0
    instants: Counter[Kind] = field(default_factory=Counter)
    as_declared: int = 0

    def merged(self, other: ColumnProfile) -> ColumnProfile:
        """Add what the same column holds in other rows."""
        return ColumnProfile(
            self.classes + other.classes,
            min(self.smallest, other.smallest),
            max(self.largest, other.largest),
            self.infinities + other.infinities,
            self.unstorable_texts + other.unstorable_texts,
            max(self.longest_bytes, other.longest_bytes),
            self.date_forms + other.date_forms,
            self.beyond_declared + other.beyond_declared,
            self.instants + other.instants,
            self.as_declared + other.as_declared,
        )

    @property
    def values(self) -> int:
        """Values that are not NULL."""
        return self.classes.total() - self.classes["null"]

    @property
    def dates(self) -> int:
        """Texts that are dates."""
        return self.date_forms.total()


@dataclass
class TableProfile:
    """
    What one table holds.

    Args:
        rows: How many rows.
        columns: By column name.
    """

    rows: int
    columns: dict[str, ColumnProfile]

    def merged(self, other: TableProfile) -> TableProfile:
        """Add what other rows of the same table hold."""
        columns = {name: seen.merged(other.columns[name]) for name, seen in self.columns.items()}
        return TableProfile(self.rows + other.rows, columns)


@dataclass(frozen=True)
class Rows:
    """
    Some rows of a table.

    Args:
        within: SQL of their condition, in which the table is called `s`.
        bounds: The values of its named parameters.
    """

    within: str = "1"
    bounds: dict[str, RawValue] = field(default_factory=dict, repr=False)


ALL = Rows()


def profile_table(
    connect: Connect,
    table: Table,
    *,
    dates: frozenset[str],
    exact: dict[str, TargetType],
    rows: Rows = ALL,
) -> TableProfile:
    """
    Look at every value of a table, or of some of its rows.

    Args:
        connect: Opens the snapshot; `strict` fails on text that is not UTF-8, which is quick,
            `surrogateescape` lets it through.
        table: The table.
        dates: Names of the columns declared as dates.
        exact: Columns whose declaration says what every value must be, see `declared_exactly`.
        rows: Which of its rows.

    Returns:
        Its profile; text that is not UTF-8 is counted, never raised.
    """
    try:
        return _pass(connect("strict"), table, dates, exact, rows)
    except sqlite3.OperationalError:  # text that is not UTF-8: look again, tolerantly
        return _pass(connect("surrogateescape"), table, dates, exact, rows)


def _pass(
    connection: sqlite3.Connection | apsw.Connection,
    table: Table,
    dates: frozenset[str],
    exact: dict[str, TargetType],
    wanted: Rows,
) -> TableProfile:
    names = tuple(column.name for column in table.columns)
    profiles = {name: ColumnProfile() for name in names}
    rows = 0
    cursor = connection.execute(
        f"SELECT {quoted_list(names)} FROM main.{quoted(table.name)} AS s WHERE {wanted.within}",
        wanted.bounds,
    )
    for batch in batches(cast("Iterator[tuple[RawValue, ...]]", cursor)):
        rows += len(batch)
        for name, values in zip(names, zip(*batch, strict=True), strict=True):
            _look(profiles[name], values, is_date=name in dates, exact=exact.get(name))
    return TableProfile(rows, profiles)


def _look(
    seen: ColumnProfile,
    values: tuple[RawValue, ...],
    *,
    is_date: bool,
    exact: TargetType | None,
) -> None:
    kinds = Counter(map(type, values))
    for kind, count in kinds.items():
        seen.classes[_NAMES[kind]] += count
    if kinds[int]:
        integers = sorted(v for v in values if type(v) is int)
        seen.smallest = min(seen.smallest, integers[0])
        seen.largest = max(seen.largest, integers[-1])
    if kinds[float]:
        seen.infinities += sum(map(math.isinf, (v for v in values if type(v) is float)))
    if kinds[str]:
        _look_at_text(seen, [v for v in values if type(v) is str], is_date=is_date)
    if kinds[bytes]:
        longest = max(len(v) for v in values if type(v) is bytes)
        seen.longest_bytes = max(seen.longest_bytes, longest)
    if is_date and (kinds[float] or kinds[int]):
        _look_at_numbers(seen, [v for v in values if isinstance(v, _NUMBERS)])
    if exact and exact.kind is Kind.NUMERIC:
        seen.beyond_declared += sum(not fits(v, exact) for v in values if isinstance(v, _NUMBERS))
    elif exact:
        seen.as_declared += sum(fits(v, exact) for v in values if v is not None)


def _look_at_numbers(seen: ColumnProfile, numbers: list[int | float]) -> None:
    """Count for which units they may all be instants; a unit is out with the first that is not."""
    for kind in INSTANTS:
        unit = kind.unit
        assert unit is not None
        seen.instants[kind] += sum(is_plausible(number, unit) for number in numbers)


def _look_at_text(seen: ColumnProfile, texts: list[str], *, is_date: bool) -> None:
    # Whatever else is in the batch: pieces of a table have to say the same as the whole of it.
    beyond_ascii = max((len(text) for text in texts if not text.isascii()), default=0)
    seen.longest_bytes = max(seen.longest_bytes, *map(len, texts), 4 * beyond_ascii)
    if not is_storable_text("".join(texts)):
        seen.unstorable_texts += sum(not is_storable_text(text) for text in texts)
    if is_date:
        seen.date_forms.update(form for form in map(form_of, texts) if form)


def batches(rows: Iterator[tuple[RawValue, ...]]) -> Iterator[list[tuple[RawValue, ...]]]:
    """
    Read rows a batch at a time, fewer where they are large.

    Args:
        rows: Of a SELECT, such as a cursor.

    Yields:
        At most 500 rows, and some 8 MB where the rows are like those before them.
    """
    step = _SAMPLED
    while batch := list(islice(rows, step)):
        yield batch
        step = max(1, min(BATCH_ROWS, _BATCH_BYTES * len(batch) // (_size(batch) + 1)))


def _size(rows: list[tuple[RawValue, ...]]) -> int:
    """Estimate the bytes of texts and blobs by some of the rows."""
    sampled = rows[:: max(1, len(rows) // _SAMPLED)]
    of_sample = sum(len(v) for row in sampled for v in row if isinstance(v, _SIZED))
    return of_sample * len(rows) // len(sampled)


def unfit_rows(
    connect: Connect, table: Table, targets: dict[str, TargetType]
) -> Iterable[tuple[str, tuple[RawValue, ...], RawValue]]:
    """
    Find the values that do not fit.

    Args:
        connect: Opens the snapshot, see `profile_table`.
        table: The table.
        targets: The columns to look at and the type each must fit.

    Yields:
        Column name, the row's identity, and the value; text that is not UTF-8 has surrogates.
    """
    width = len(table.identity)
    names = tuple(targets)
    wanted = quoted_list((*table.identity, *names))
    connection = connect("surrogateescape")
    for row in connection.execute(f"SELECT {wanted} FROM main.{quoted(table.name)}"):
        for name, value in zip(names, row[width:], strict=True):
            if not fits(value, targets[name]):
                yield name, row[:width], value
