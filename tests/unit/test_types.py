"""The table of rules: declared type and data make the Postgres type."""

import sqlite3

import pytest

from pytest_deploy.schema.declared_types import declared_exactly, is_declared_date
from pytest_deploy.schema.kinds import Kind, TargetType, fits
from pytest_deploy.schema.profile import profile_table
from pytest_deploy.schema.sqlite import read_schema
from pytest_deploy.schema.types import Use, choose_type

UUID = "0e8f1d2c-3b4a-4596-8778-695a4b3c2d1e"
INSTANT, OTHER_INSTANT = "2026-03-01 10:20:30", "2026-03-01T10:20:30.000Z"


def choose(declared, *values, **how):
    connection = sqlite3.connect(":memory:")
    connection.execute(f"CREATE TABLE t (c {declared})")
    connection.executemany("INSERT INTO t VALUES (?)", [(v,) for v in values])
    table = read_schema(connection).tables[0]
    column = table.columns[0]
    dates = frozenset({"c"} if is_declared_date(declared) else ())
    exact = declared_exactly(declared)
    profile = profile_table(
        lambda errors: connection, table, dates=dates, exact={"c": exact} if exact else {}
    )
    return choose_type(column, profile.columns["c"], **how)


@pytest.mark.parametrize(
    ("declared", "values", "expected"),
    [
        ("INTEGER", (1, 2), "bigint"),
        ("TINYINT UNSIGNED", (1,), "bigint"),
        ("int64", (2**62,), "bigint"),
        ("INTEGER", (), "bigint"),
        ("INTEGER", (1, 2.5), "numeric"),
        ("BOOLEAN", (0, 1, None), "boolean"),
        ("BOOLEAN", (0, 2), "bigint"),
        ("BOOLEAN", ("si", "no"), "text"),
        ("REAL", (1, 2.5), "double precision"),
        ("REAL", (float("inf"),), "double precision"),
        ("DECIMAL(10,2)", (1, 2.25), "numeric(10,2)"),
        ("DECIMAL(10,2)", (2.257,), "numeric"),
        ("DECIMAL(4,2)", (123.5,), "numeric"),
        ("NUMERIC", (1, 2.5), "numeric"),
        ("VARCHAR(3)", ("longer than three",), "text"),
        ("DATE", ("2026-03-01",), "date"),
        ("DATE", (INSTANT,), "timestamptz"),
        ("DATETIME", (INSTANT, OTHER_INSTANT), "timestamptz"),
        ("DATETIME", (1_772_000_000, None), "timestamptz from seconds"),
        ("TIMESTAMP", (1_772_000_000_123,), "timestamptz from milliseconds"),
        ("DATETIME", (2_461_100.123456789,), "timestamptz from julian days"),
        ("DATETIME", (1_772_000_000, 7), "bigint"),  # a year of 1970: a number of something else
        ("DATETIME", (1_772_000_000, INSTANT, INSTANT), "timestamptz"),
        ("DATETIME", (1_772_000_000.5,), "double precision"),
        ("INTEGER", (1_772_000_000,), "bigint"),
        ("DATETIME", ("not", "a date"), "text"),
        ("DATETIME", (), "timestamptz"),
        ("BLOB", (b"\0",), "bytea"),
        ("BLOB", ("text", "more"), "text"),
        ("BLOB", (), "bytea"),
        ("", (1, 2), "bigint"),
        ("", (1, 2.5), "numeric"),
        ("", (), "text"),
        ("string", ("a", 7), "text"),
        ("point", ("1,2",), "text"),
        ("floating point(5,10)", (1.5,), "double precision"),
        ("JSON", ('{"a": [1, "ñ"]}', None), "json"),
        ("JSON", ('{"a": NaN}',), "text"),
        ("JSON", ('{"a": 1}', "{"), "text"),
        ("JSON", (), "json"),
        ("UUID", (UUID,), "uuid"),
        ("UUID", (UUID.upper(),), "text"),  # Postgres would give it back in small letters
        ("GUID", ("0e8f",), "text"),
        ("TEXT", (UUID,), "text"),
        ("YEAR", (2006,), "bigint"),
    ],
)
def test_rules(declared, values, expected):
    """Each row of the table of rules."""
    assert choose(declared, *values).target.name == expected


@pytest.mark.parametrize(
    ("declared", "values", "suspect", "wider"),
    [
        ("INTEGER", (1, 2, "abc"), True, "text"),
        ("INTEGER", (1, 2, b"x"), True, None),
        ("TEXT", ("a", b"x"), True, None),
        ("TEXT", ("a", "b\0c"), True, None),
        ("DATE", ("2026-03-01", "0000-00-00"), True, "text"),
        ("REAL", (1.5, ""), True, "text"),
        ("TEXT", ("a",), False, None),
    ],
)
def test_what_does_not_fit_is_suspect(declared, values, suspect, wider):
    """A value that Postgres would refuse is seen in the profile, and a wider type if there is one."""
    choice = choose(declared, *values)
    assert choice.suspect is suspect
    assert (choice.wider.sql if choice.wider else None) == wider


@pytest.mark.parametrize(
    ("declared", "values", "note"),
    [
        ("interger", (1,), "unknown_type"),
        ("UUID", ("0e8f",), "kept_as_text"),
        ("DATETIME", (1_772_000_000_000,), "dates_from_numbers"),
        ("DATETIME", (20_260_301,), "date_as_number"),
        ("DATETIME", (INSTANT, OTHER_INSTANT), "mixed_date_forms"),
        ("REAL", (float("inf"),), "infinity"),
        ("INT", (2**53 + 1,), "integer_beyond_json"),
        ("BOOLEAN", (0, 2), "declaration_not_kept"),
    ],
)
def test_notes_tell_what_a_person_should_know(declared, values, note):
    """One note, and no other."""
    assert choose(declared, *values).notes == (note,)


def test_dates_in_a_key_stay_text_when_their_forms_differ():
    """Two texts of one instant are two keys in SQLite: they must stay two."""
    assert (
        choose("DATETIME", INSTANT, OTHER_INSTANT, use=Use(compared=True)).target.kind is Kind.TEXT
    )


def test_seconds_of_core_data_are_not_taken_for_others():
    """Only who wrote them knows from where they count."""
    seconds = 772_000_000.25
    assert choose("TIMESTAMP", seconds, use=Use(core_data=True)).target.kind is Kind.CORE_DATA
    assert choose("TIMESTAMP", seconds).target.kind is Kind.DOUBLE


def test_what_postgres_does_not_compare_is_not_indexed():
    """A document has no order there, and a number in a key stays what it is."""
    assert choose("JSON", "{}", use=Use(indexed=True)).target.kind is Kind.TEXT
    assert choose("DATETIME", 1_772_000_000, use=Use(compared=True)).target.kind is Kind.BIGINT


@pytest.mark.parametrize(
    "text",
    ["bigint", "numeric(10,2)", "Double  Precision", "numeric", "timestamptz from core data"],
)
def test_types_are_read_from_configuration(text):
    """What people write is understood."""
    if text == "Double  Precision":
        with pytest.raises(ValueError):
            TargetType.parse(text)
    else:
        assert TargetType.parse(text).name == text


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (True, Kind.BIGINT, True),
        ("2023-02-30", Kind.DATE, False),
        ("2024-02-29", Kind.DATE, True),
        ("2024-02-29 25:00", Kind.TIMESTAMPTZ, False),
        ("2024-02-29 23:59:59.1234567", Kind.TIMESTAMPTZ, False),
        ("\udcff", Kind.TEXT, False),
        (None, Kind.BYTEA, True),
        (2, Kind.BOOLEAN, False),
        (1_772_000_000.5, Kind.SECONDS, False),
        (10**15, Kind.SECONDS, False),
        (772_000_000, Kind.CORE_DATA, True),
        (772_000_000.0, Kind.CORE_DATA, False),  # it would come back as an integer
        (772_000_000.123_456_7, Kind.CORE_DATA, False),  # finer than a microsecond
        (float("inf"), Kind.JULIAN_DAYS, False),
        ('"\\ud800"', Kind.JSON, True),
        ("[" * 5000 + "]" * 5000, Kind.JSON, False),
    ],
)
def test_fitting(value, kind, expected):
    """What arrives whole is told from what does not."""
    assert fits(value, TargetType(kind)) is expected
