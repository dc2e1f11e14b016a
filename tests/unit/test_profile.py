"""A profile made of pieces is the profile of the whole."""

import sqlite3
import uuid
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_deploy.schema.dates import form_of, parse_date
from pytest_deploy.schema.profile import batches
from pytest_deploy.schema.sqlite import read_schema
from pytest_deploy.transfer.profiles import profile_all
from pytest_deploy.transfer.snapshot import Snapshot

VALUES = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(max_size=4),
    st.binary(max_size=4),
    st.sampled_from(["2024-01-01", "2024-01-01 10:00:00", "ñ" * 9, "a" * 30, 1.25, 1e999]),
)


def snapshot_of(path):
    """The file itself, as if it were a copy."""
    return Snapshot(path, datetime.now(UTC), "copy", path.stat().st_size, uuid.uuid4().hex)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(VALUES, VALUES, VALUES), max_size=30), piece_rows=st.integers(1, 12))
def test_cut_or_whole_it_is_the_same(tmp_path_factory, rows, piece_rows):
    """For any rows, cut anywhere, also with text that is not UTF-8."""
    path = tmp_path_factory.mktemp("profile") / "source.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (a DATETIME, b DECIMAL(5,2), c TEXT)")
    connection.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
    connection.execute("INSERT INTO t VALUES (CAST(x'ff41' AS TEXT), 1, 'x')")
    connection.commit()
    tables, snapshot = read_schema(connection).tables, snapshot_of(path)
    whole = profile_all(snapshot, tables, workers=1)
    assert profile_all(snapshot, tables, workers=1, piece_rows=piece_rows) == whole
    assert whole["t"].rows == len(rows) + 1


def test_a_damaged_table_is_told_by_sqlite3(tmp_path):
    """As it always was: the plan tells what the profile could not read."""
    path = tmp_path / "source.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, b TEXT)")
    connection.executemany("INSERT INTO t (b) VALUES (?)", [("x" * 500,)] * 100)
    connection.commit()
    tables = read_schema(connection).tables
    connection.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + b"\xff" * (len(whole) - 8192))
    with pytest.raises(sqlite3.DatabaseError):
        profile_all(snapshot_of(path), tables, workers=1)


def test_processes_find_what_one_process_finds(tmp_path):
    """Side by side, in real processes."""
    path = tmp_path / "source.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, b DATETIME)")
    connection.executemany(
        "INSERT INTO t VALUES (?, ?)", ((n, f"20{n % 90 + 10}-01-01") for n in range(1000))
    )
    connection.commit()
    tables = read_schema(connection).tables
    snapshot = snapshot_of(path)
    whole = profile_all(snapshot, tables, workers=1)
    from pytest_deploy.transfer import profiles

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(profiles, "worker_count", lambda configured, rows: 2)
        assert profile_all(snapshot, tables, workers=2, piece_rows=100) == whole


@given(
    text=st.from_regex(
        r"[012]\d{3}-[01]\d-[0-3]\d([ T][012]\d:[0-6]\d(:[0-6]\d(\.\d{1,7})?)?(Z|[+-][012]\d:[0-5]\d)?)?",
        fullmatch=True,
    )
    | st.text("0123456789-: TZ+.", max_size=20)
    | st.datetimes().map(str)
)
def test_the_form_of_a_date_is_told_as_it_is_read(text):
    """What is remembered of days and hours says the same."""
    parsed = parse_date(text)
    assert form_of(text) == (parsed and parsed.form)


def test_large_values_make_small_batches():
    """Memory stays flat, however large the rows become."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (a)")
    connection.executemany("INSERT INTO t VALUES (?)", [("x",)] * 3000)
    connection.executemany("INSERT INTO t VALUES (zeroblob(?))", [(2**20,)] * 300)
    found = list(batches(connection.execute("SELECT a FROM t")))
    assert sum(map(len, found)) == 3300
    assert max(map(len, found)) <= 500
    large = [sum(len(row[0]) for row in batch) for batch in found]
    assert max(large) <= 300 * 2**20
    assert sorted(large)[len(large) // 2] <= 20 * 2**20
