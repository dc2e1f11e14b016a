"""Rows as COPY reads them: a batch is its rows one by one, and each cell is what was stored."""

import struct
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_deploy.schema.kinds import INSTANTS, Kind
from pytest_deploy.transfer.canonical import canonical
from pytest_deploy.transfer.values import RowWriter, UnfitValueError

MADRID = ZoneInfo("Europe/Madrid")
CHANGED = datetime(2024, 10, 27)  # noqa: DTZ001 - the clocks of Madrid go back
ZONES = st.sampled_from(["", "Z", "+02:00", "-11:30"])
INTEGERS = st.integers(-(2**63), 2**63 - 1)
REALS = st.floats(allow_nan=False)
TEXTS = st.binary(max_size=12)
MOMENTS = st.datetimes(CHANGED.replace(1900), CHANGED.replace(2200)) | st.integers(0, 86_399).map(
    lambda second: CHANGED + timedelta(seconds=second)
)
SECONDS = st.tuples(MOMENTS, st.sampled_from(" T")).map(
    lambda drawn: drawn[0].isoformat(drawn[1], "seconds").encode()
)
INSTANT_TEXTS = SECONDS | st.tuples(MOMENTS, ZONES).map(
    lambda drawn: (str(drawn[0]) + drawn[1]).encode()
)
VALUES = {
    Kind.BIGINT: INTEGERS,
    Kind.DOUBLE: REALS | st.integers(-(2**53), 2**53),
    Kind.NUMERIC: REALS | INTEGERS,
    Kind.TEXT: TEXTS | REALS | INTEGERS,
    Kind.BYTEA: TEXTS,
    Kind.BOOLEAN: st.integers(0, 1),
    Kind.DATE: st.dates().map(lambda day: str(day).encode()),
    Kind.TIMESTAMPTZ: INSTANT_TEXTS,
    Kind.UUID: st.uuids().map(lambda made: str(made).encode()),
    Kind.JSON: TEXTS,
    **dict.fromkeys(INSTANTS, st.integers(0, 5_000_000)),
}
AS_PROVEN = (Kind.BIGINT, Kind.DOUBLE, Kind.BOOLEAN, Kind.DATE, Kind.TIMESTAMPTZ, *INSTANTS)


@st.composite
def batches(draw):
    """The kinds of some columns, and rows of them, with NULL here and there."""
    kinds = draw(st.lists(st.sampled_from(list(Kind)), min_size=1, max_size=5))
    cells = [VALUES[kind] | st.none() if draw(st.booleans()) else VALUES[kind] for kind in kinds]
    return kinds, draw(st.lists(st.tuples(*cells), min_size=1, max_size=6))


def cells_of(sent, columns):
    """Take rows apart as Postgres does: None for NULL."""
    found, at = [], 0
    while at < len(sent):
        assert struct.unpack_from(">h", sent, at) == (columns,)
        at += 2
        row = []
        for _ in range(columns):
            (length,) = struct.unpack_from(">i", sent, at)
            at += 4
            row.append(None if length < 0 else sent[at : at + length])
            at += max(0, length)
        found.append(tuple(row))
    return found


@given(batch=batches())
def test_a_batch_is_its_rows_one_by_one(batch):
    """However the columns beside each other are laid out, and wherever NULL stands."""
    kinds, rows = batch
    writer = RowWriter(kinds, MADRID)
    together = writer.rows(list(zip(*rows, strict=True)))
    assert together == b"".join(
        RowWriter(kinds, MADRID).rows([(value,) for value in row]) for row in rows
    )
    cells = cells_of(together, len(kinds))
    assert [[v is None for v in row] for row in cells] == [[v is None for v in row] for row in rows]


@given(batch=batches())
def test_each_cell_is_what_was_stored(batch):
    """The proof, which is made without the writer, comes to the same bytes."""
    kinds, rows = batch
    sent = RowWriter(kinds, MADRID).rows(list(zip(*rows, strict=True)))
    for kind, stored, cells in zip(
        kinds, zip(*rows, strict=True), zip(*cells_of(sent, len(kinds)), strict=True), strict=True
    ):
        if kind in AS_PROVEN:
            assert list(cells) == canonical(kind, MADRID).cells(stored)
        elif kind in (Kind.TEXT, Kind.BYTEA, Kind.JSON):
            as_text = [v if isinstance(v, bytes | None) else repr(v).encode() for v in stored]
            assert list(cells) == as_text


@given(texts=st.lists(SECONDS, min_size=1, max_size=20))
@pytest.mark.parametrize("zone", [UTC, MADRID, timezone(timedelta(hours=5, minutes=30))])
def test_instants_read_together_are_those_read_alone(zone, texts):
    """Also on a day on which the clocks are changed."""
    expected = [
        (
            datetime.fromisoformat(text.decode()).replace(tzinfo=zone)
            - datetime(2000, 1, 1, tzinfo=UTC)
        )
        // timedelta(microseconds=1)
        for text in texts
    ]
    as_sent = RowWriter([Kind.TIMESTAMPTZ], zone).rows([texts])
    assert [int.from_bytes(cell, signed=True) for (cell,) in cells_of(as_sent, 1)] == expected
    (packed,) = canonical(Kind.TIMESTAMPTZ, zone).parts(texts, required=True)
    assert packed == struct.pack(f">{len(texts)}q", *expected)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Kind.BIGINT, b"1"),
        (Kind.BIGINT, 1.0),
        (Kind.DOUBLE, b"1"),
        (Kind.BOOLEAN, 256),
        (Kind.BOOLEAN, 0.5),
        (Kind.TEXT, "not bytes"),
        (Kind.BYTEA, 1),
        (Kind.JSON, 1.5),
        (Kind.UUID, 1),
        (Kind.UUID, b"1234"),
        (Kind.UUID, b"not hexadecimal"),
        (Kind.NUMERIC, b"1"),
        (Kind.DATE, 1),
        (Kind.TIMESTAMPTZ, 1),
        (Kind.SECONDS, b"1"),
    ],
)
@pytest.mark.parametrize("others", [[], [None]])
def test_a_value_of_another_family_is_refused(kind, value, others):
    """Alone, and beside NULL; it is not shown."""
    with pytest.raises(UnfitValueError) as refused:
        RowWriter([kind], MADRID).rows([[value, *others]])
    assert str(refused.value) == ""
