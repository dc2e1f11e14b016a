"""The source's half of the proof: every value has a form, and no two that differ have the same."""

import struct
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_deploy.schema.kinds import Kind
from pytest_deploy.transfer.canonical import canonical

MADRID = ZoneInfo("Europe/Madrid")
RAW = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.binary(max_size=40)
    | st.text(max_size=20).map(str.encode)
    | st.datetimes().map(lambda moment: str(moment).encode())
    | st.dates().map(lambda day: str(day).encode())
    | st.binary(min_size=1_020, max_size=1_030)
)


@pytest.mark.parametrize("kind", list(Kind))
@given(values=st.lists(RAW, min_size=1, max_size=8))
def test_any_value_has_a_form_alone_and_among_others(kind, values):
    """Also one that the plan should have kept back: it is told apart, and stops nothing."""
    form = canonical(kind, MADRID)
    alone = [form.cells([value])[0] for value in values]
    assert form.cells(values) == alone
    assert [cell is None for cell in alone] == [value is None for value in values]
    assert form.fields(values) == [
        struct.pack(">ii", 17, -1) if cell is None else struct.pack(">ii", 17, len(cell)) + cell
        for cell in alone
    ]
    flags_or_lengths, rest = form.parts(values, required=False)
    if form.code is not None:
        assert list(flags_or_lengths) == [value is not None for value in values]
        assert rest == b"".join(cell for cell in alone if cell is not None)


@given(
    one=st.lists(st.none() | st.text(max_size=4).map(str.encode), min_size=3, max_size=3),
    other=st.lists(st.none() | st.text(max_size=4).map(str.encode), min_size=3, max_size=3),
)
def test_columns_of_texts_that_differ_have_forms_that_differ(one, other):
    """Wherever one text ends and the next begins, and NULL is no empty text."""
    form = canonical(Kind.TEXT, MADRID)
    same = form.parts(one, required=False) == form.parts(other, required=False)
    assert same == (one == other)
