"""Numbers that name instants: what goes over can be made again, and both halves of the proof agree."""

import struct
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_deploy.schema.instants import UNITS, is_instant, is_plausible, moment_of
from pytest_deploy.schema.kinds import INSTANTS, Kind
from pytest_deploy.transfer.canonical import canonical
from pytest_deploy.transfer.values import RowWriter

NUMBERS = (
    st.integers(-(2**63), 2**63 - 1)
    | st.integers(-10_000_000_000, 300_000_000_000)
    | st.floats(allow_nan=False)
    | st.floats(0, 3e6)
    | st.floats(0, 5e9)
    | st.decimals(0, 5_000_000_000, places=6).map(float)
)
NOON = datetime(2024, 2, 29, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("unit", "number"),
    [
        ("seconds", 1_709_208_000),
        ("milliseconds", 1_709_208_000_000),
        ("julian days", 2_460_370.0),
        ("core data", 730_900_800),
    ],
)
def test_a_number_names_an_instant(unit, number):
    """As it is written down in each unit."""
    assert moment_of(number, UNITS[unit]) == NOON
    assert is_plausible(number, UNITS[unit])


def test_every_kind_of_instant_has_a_unit():
    """And every unit a kind."""
    assert {kind.unit for kind in INSTANTS} == set(UNITS.values())


@pytest.mark.parametrize("kind", INSTANTS)
@given(number=NUMBERS)
def test_what_is_sent_is_what_is_proven(kind, number):
    """The copy and the proof count by themselves, and come to the same."""
    if not is_instant(number, kind.unit):
        return
    sent = RowWriter([kind], UTC).rows([[number]])
    (proven,) = canonical(kind, UTC).cells([number])
    assert sent == struct.pack(">hi", 1, 8) + proven


@given(first=NUMBERS, second=NUMBERS)
def test_no_two_numbers_become_one_instant(first, second):
    """Else one of them could not be made again."""
    for kind in INSTANTS:
        if is_instant(first, kind.unit) and is_instant(second, kind.unit) and first != second:
            assert moment_of(first, kind.unit) != moment_of(second, kind.unit)


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (0.5, Kind.SECONDS),
        (float("inf"), Kind.CORE_DATA),
        (2_460_370, Kind.JULIAN_DAYS),
        (10**14, Kind.SECONDS),
        ("1709208000", Kind.SECONDS),
        (None, Kind.SECONDS),
        (730_900_800.000_000_1, Kind.CORE_DATA),
    ],
)
def test_what_could_not_be_made_again_is_no_instant(number, kind):
    """Of another class, beyond the calendar, or finer than a microsecond."""
    assert not is_instant(number, kind.unit)
