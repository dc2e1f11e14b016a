"""A value on its way back: the app's own form where that can say it, a finer one where not."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_deploy.schema.backwards import NoWayBackError, backwards
from pytest_deploy.schema.dates import DateForm, microseconds, parse_date
from pytest_deploy.schema.kinds import INSTANTS, Kind, TargetType, exact_decimal, fits
from pytest_deploy.schema.model import Column
from pytest_deploy.schema.plan import PlannedColumn

MADRID = ZoneInfo("Europe/Madrid")
ZERO = datetime(2000, 1, 1, tzinfo=UTC)
FROM_1970_TO_2000 = 946_684_800_000_000
FORMS = st.builds(
    DateForm,
    st.sampled_from(["", " ", "T"]),
    st.booleans(),
    st.integers(0, 6),
    st.sampled_from(["", "Z", "+02:00", "-09:30"]),
)


def column(kind, form=None, declared=""):
    """Plan a column."""
    return PlannedColumn(
        "c", Column("c", declared, False, None), TargetType(kind), False, form=form
    )


def sent(moment):
    """Write an instant as Postgres sends it."""
    return ((moment - ZERO) // timedelta(microseconds=1)).to_bytes(8, signed=True)


@given(st.integers(-62_135_400_000_000_000, 253_402_000_000_000_000), FORMS)
def test_an_instant_is_the_same_in_any_form(since_1970, form):
    """Also one that the column's own form is too coarse for, and in an hour that comes twice."""
    held = (since_1970 - FROM_1970_TO_2000).to_bytes(8, signed=True)
    text = backwards(held, column(Kind.TIMESTAMPTZ, form), MADRID)
    assert microseconds(parse_date(text), MADRID) == since_1970


@pytest.mark.parametrize(
    ("moment", "form", "text"),
    [
        ("2026-07-01T08:30Z", DateForm(" ", seconds=True), "2026-07-01 10:30:00"),
        ("2026-07-01T08:30Z", DateForm("T", zone="Z"), "2026-07-01T08:30Z"),
        ("2026-07-01T22:00Z", DateForm(), "2026-07-02"),
        ("2026-07-01T08:30Z", DateForm(), "2026-07-01 10:30:00.000000"),
        ("2026-10-25T00:30Z", None, "2026-10-25 02:30:00"),
        ("2026-10-25T01:30Z", None, "2026-10-25 01:30:00.000000Z"),  # 2:30 again
    ],
)
def test_an_instant_is_written_as_the_app_does(moment, form, text):
    """In the form of its column, in the zone of the app, and never as another instant."""
    held = sent(datetime.fromisoformat(moment))
    assert backwards(held, column(Kind.TIMESTAMPTZ, form), MADRID) == text


@given(st.dates())
def test_a_day_is_the_same(day):
    """Without an hour, and without a zone."""
    held = (day - date(2000, 1, 1)).days.to_bytes(4, signed=True)
    assert backwards(held, column(Kind.DATE), MADRID) == day.isoformat()


@given(st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_the_same(number):
    """As Postgres writes a numeric, whatever SQLite had."""
    told = exact_decimal(number)
    assert exact_decimal(backwards(f"{told:f}", column(Kind.NUMERIC), MADRID)) == told


@pytest.mark.parametrize("kind", INSTANTS)
def test_a_counted_instant_is_one_again(kind):
    """In the unit of its column."""
    value = backwards(sent(datetime(2026, 7, 1, 8, 30, tzinfo=UTC)), column(kind), MADRID)
    assert fits(value, TargetType(kind))


@pytest.mark.parametrize(
    ("kind", "held"),
    [
        (Kind.TIMESTAMPTZ, (2**63 - 1).to_bytes(8, signed=True)),  # infinity
        (Kind.DATE, (2**31 - 1).to_bytes(4, signed=True)),
        (Kind.SECONDS, sent(datetime(2026, 1, 1, microsecond=1, tzinfo=UTC))),
        (Kind.NUMERIC, "NaN"),
        (Kind.NUMERIC, "0.1000000000000000000001"),
        (Kind.DOUBLE, float("nan")),
    ],
)
def test_what_sqlite_has_no_form_for_is_refused(kind, held):
    """It would come back as something else."""
    with pytest.raises(NoWayBackError):
        backwards(held, column(kind), MADRID)
