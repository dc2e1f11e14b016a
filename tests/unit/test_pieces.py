"""Tables are cut into pieces of as many rows, whatever their keys; each row is in one piece."""

import random
import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_deploy.schema.sqlite import read_schema
from pytest_deploy.transfer.pieces import cut_by, pieces_of
from pytest_deploy.transfer.work import cores, worker_count

ROWS = 40


def opened(*statements, rows=(), insert=""):
    """A database of one table."""
    connection = sqlite3.connect(":memory:")
    for statement in statements:
        connection.execute(statement)
    connection.executemany(insert, rows)
    return connection, read_schema(connection).tables[0]


def sizes(connection, table, rows=ROWS):
    """How many rows each piece has; and that together they are the table, each row once."""
    pieces = pieces_of(connection, table, rows=rows)
    found = []
    for piece in pieces:
        within, bounds = piece.condition("s")
        found.append(connection.execute(f"SELECT * FROM t AS s WHERE {within}", bounds).fetchall())
    everything = connection.execute("SELECT * FROM t").fetchall()
    assert sorted(map(repr, (row for rows in found for row in rows))) == sorted(
        map(repr, everything)
    )
    return [len(rows) for rows in found]


KEYS = {
    "skewed": [*range(100), *(10**15 + n for n in range(100))],
    "negative": list(range(-200, 0)),
    "huge gaps": list(map(random.Random(3).randrange, [-(2**63)] * 200, [2**63] * 200)),
    "both ends": [-(2**63), *range(198), 2**63 - 1],
}


@pytest.mark.parametrize("keys", KEYS.values(), ids=KEYS)
def test_integer_keys_give_even_pieces(keys):
    """What is between the keys does not matter."""
    connection, table = opened(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a)",
        insert="INSERT INTO t VALUES (?, 1)",
        rows=[(key,) for key in keys],
    )
    assert sizes(connection, table) == [ROWS] * 5


def test_a_table_without_an_integer_key_is_cut_by_its_hidden_rowid():
    """NULL and equal values in its key do no harm."""
    connection, table = opened(
        "CREATE TABLE t (a TEXT PRIMARY KEY, b)",
        insert="INSERT INTO t VALUES (?, ?)",
        rows=[(None if n % 3 else str(n), n % 2) for n in range(200)],
    )
    assert cut_by(table) == "rowid"
    assert sizes(connection, table) == [ROWS] * 5


def test_a_table_without_rowid_is_cut_by_its_key():
    """Of any class, in any collation."""
    connection, table = opened(
        "CREATE TABLE t (a PRIMARY KEY COLLATE NOCASE, b) WITHOUT ROWID",
        insert="INSERT OR IGNORE INTO t VALUES (?, 1)",
        rows=[
            *((n,) for n in range(80)),
            *((f"Ñandú {n}",) for n in range(80)),
            *((bytes([n]),) for n in range(80)),
        ],
    )
    assert sizes(connection, table) == [ROWS] * 6


def test_rows_that_begin_with_one_key_stay_together():
    """A piece is then larger, and the next ones are not lost."""
    connection, table = opened(
        "CREATE TABLE t (a, b, PRIMARY KEY (a, b)) WITHOUT ROWID",
        insert="INSERT INTO t VALUES (?, ?)",
        rows=[("uno", n) for n in range(150)] + [("zeta", n) for n in range(50)],
    )
    assert sizes(connection, table) == [150, 50]


def test_a_key_that_is_not_utf8_is_not_cut_by():
    """It could not be asked for."""
    connection, table = opened(
        "CREATE TABLE t (a TEXT PRIMARY KEY, b) WITHOUT ROWID",
        insert="INSERT INTO t VALUES (CAST(? AS TEXT), 1)",
        rows=[(b"\xff" + bytes([n, 65]),) for n in range(1, 100)],
    )
    assert len(pieces_of(connection, table, rows=ROWS)) == 1


def test_a_table_whose_rowid_has_no_name_is_one_piece():
    """Three columns hide every name of it."""
    connection, table = opened(
        "CREATE TABLE t (rowid TEXT, oid TEXT, _rowid_ TEXT)",
        insert="INSERT INTO t VALUES (?, 1, 1)",
        rows=[(str(n),) for n in range(100)],
    )
    assert cut_by(table) is None
    assert sizes(connection, table) == [100]


def test_a_piece_does_not_show_its_keys():
    """A key may be somebody's name."""
    connection, table = opened(
        "CREATE TABLE t (a TEXT PRIMARY KEY) WITHOUT ROWID",
        insert="INSERT INTO t VALUES (?)",
        rows=[(f"secreto {n}",) for n in range(100)],
    )
    assert "secreto" not in repr(pieces_of(connection, table, rows=ROWS))


@settings(max_examples=60, deadline=None)
@given(
    keys=st.lists(
        st.one_of(
            st.integers(-(2**63), 2**63 - 1),
            st.text(max_size=3),
            st.binary(max_size=3),
            st.floats(allow_nan=False),
        ),
        max_size=60,
    ),
    rows=st.integers(1, 20),
)
def test_whatever_the_keys_each_row_is_in_one_piece(keys, rows):
    """Of any class at once."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (a PRIMARY KEY, b) WITHOUT ROWID")
    for key in keys:
        connection.execute("INSERT OR IGNORE INTO t VALUES (?, 1)", (key,))
    sizes(connection, read_schema(connection).tables[0], rows=rows)


def test_as_many_workers_as_this_process_has_cores():
    """Less than the machine has where somebody says so."""
    assert worker_count(0, 10**6) == min(cores(), 8)
    assert worker_count(3, 10**6) == 3
    assert worker_count(3, 10) == 1
