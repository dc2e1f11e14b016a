"""Raw values come as they are stored, whichever SQLite reads them."""

import sqlite3
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_deploy.schema.kinds import Kind, TargetType
from pytest_deploy.schema.plan import PlannedColumn, PlannedTable
from pytest_deploy.schema.sqlite import read_schema
from pytest_deploy.transfer.connections import close_all
from pytest_deploy.transfer.exclusions import Exclusions, ExclusionWriter
from pytest_deploy.transfer.pieces import Piece
from pytest_deploy.transfer.raw_source import open_raw
from pytest_deploy.transfer.reading import read_columns
from pytest_deploy.transfer.rows import Transfer, Work
from pytest_deploy.transfer.snapshot import Snapshot

PLAIN = "CREATE TABLE t (id INTEGER PRIMARY KEY, a BLOB, b BLOB)"
COMPUTED = "CREATE TABLE t (id INTEGER PRIMARY KEY, a BLOB, b BLOB, v AS (id + 1))"
UTF16 = "PRAGMA encoding = 'UTF-16'"
RAW = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.binary(max_size=9)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=9)
)
CLASSES = {int: "integer", float: "real", str: "text", bytes: "blob"}


def read(statements, rows, kind, *, left_out=()):
    """The column `b` of a table of these values, read as a copy reads it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = sqlite3.connect(folder / "a.db", isolation_level=None)
        database.execute("PRAGMA synchronous = OFF")
        for statement in statements:
            database.execute(statement)
        database.executemany("INSERT INTO t (b) VALUES (?)", [(value,) for value in rows])
        schema = read_schema(database)
        writer = ExclusionWriter(database, folder / "x.db", schema)
        writer.add_cells(schema.tables[0], "b", [(key,) for key in left_out], "a reason")
        exclusions = writer.close()
        database.close()
        snapshot = Snapshot(folder / "a.db", datetime.now(UTC), "copy", 0, "")
        found = list(read_columns(work_on(schema.tables[0], rows, kind, snapshot, exclusions)))
        close_all()
    return [value for columns in found for value in columns[2]]


def work_on(table, rows, kind, snapshot, exclusions):
    """The whole of the table, planned for one kind of type."""
    classes = {CLASSES[type(value)] for value in rows if value is not None}
    stored = classes.pop() if len(classes) == 1 else None
    columns = tuple(
        PlannedColumn(c.name, c, TargetType(kind), not_null=False, stored=stored)
        for c in table.columns
    )
    planned = PlannedTable(table.name, table, columns)
    transfer = Transfer(snapshot, exclusions, None, "public", UTC)
    return Work(transfer, planned, Piece(table))


@settings(max_examples=15, deadline=None)
@pytest.mark.parametrize("kind", list(Kind))
@given(rows=st.lists(RAW, min_size=1, max_size=6))
def test_both_readers_give_the_same(kind, rows):
    """Of any class at once, also in a column where they have no business."""
    quick = read([PLAIN], rows, kind)
    assert quick == read([COMPUTED], rows, kind) == read([UTF16, PLAIN], rows, kind)
    if kind is Kind.TEXT:
        as_stored = [v.encode() if isinstance(v, str) else v for v in rows]
        assert quick == as_stored
        assert list(map(type, quick)) == list(map(type, as_stored))


@pytest.mark.parametrize("statements", [[PLAIN], [COMPUTED], [UTF16, PLAIN]])
def test_a_cell_that_stays_behind_is_null(statements):
    """With either reader."""
    assert read(statements, ["uno", "dos", "tres"], Kind.TEXT, left_out=[2]) == [
        b"uno",
        None,
        b"tres",
    ]


def test_text_that_is_not_utf8_is_read_as_it_is():
    """As bytes, which nobody decodes."""
    statements = [PLAIN, "INSERT INTO t (b) VALUES (CAST(x'ff41' AS TEXT))"]
    assert read(statements, [], Kind.TEXT) == [b"\xffA"]


@pytest.mark.parametrize(
    ("statements", "computes", "casts"),
    [([PLAIN], False, True), ([PLAIN], True, False), ([UTF16, PLAIN], False, False)],
)
def test_sqlite3_reads_what_is_computed_or_not_in_utf8(tmp_path, statements, computes, casts):
    """One SQLite computes all that is compared."""
    database = sqlite3.connect(tmp_path / "a.db")
    for statement in statements:
        database.execute(statement)
    database.close()
    snapshot = Snapshot(tmp_path / "a.db", datetime.now(UTC), "copy", 0, "")
    left_out = Exclusions(tmp_path / "x.db")
    sqlite3.connect(left_out.path).close()
    source = open_raw(snapshot, left_out, computes=computes)
    assert source.casts is casts
    with pytest.raises(Exception, match="readonly database"):
        source.connection.execute("DELETE FROM t")
    source.connection.close()
