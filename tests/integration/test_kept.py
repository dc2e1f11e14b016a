"""The closed list: each line of docs/kept.md yields the same on SQLite and on Postgres."""

import math
import os
import re
import sqlite3
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import apsw
import pytest

from pytest_deploy.providers.postgres import embedded
from pytest_deploy.providers.postgres.databases import create_database
from pytest_deploy.schema.dates import DateForm
from pytest_deploy.schema.kinds import Kind
from pytest_deploy.schema.translation import routines
from pytest_deploy.schema.translation.expressions import Context
from pytest_deploy.schema.translation.parsing import parse_statement
from pytest_deploy.schema.translation.queries import translate_query
from pytest_deploy.schema.translation.scope import Database, Known, VisibleColumn
from pytest_deploy.schema.translation.values import UntranslatableError
from pytest_deploy.workspace import Workspace

DOCUMENT = (Path(__file__).parents[2] / "docs" / "kept.md").read_text("utf-8")
MOMENT = DateForm(" ", seconds=True)
KINDS = {
    "id": Kind.BIGINT,
    "n": Kind.BIGINT,
    "r": Kind.DOUBLE,
    "d": Kind.NUMERIC,
    "s": Kind.TEXT,
    "nc": Kind.TEXT,
    "rt": Kind.TEXT,
    "b": Kind.BOOLEAN,
    "dia": Kind.DATE,
    "ts": Kind.TIMESTAMPTZ,
    "bl": Kind.BYTEA,
}
FORMS = {"dia": DateForm(), "ts": MOMENT}
COLLATIONS = {"nc": "NOCASE", "rt": "RTRIM"}
ROWS = (
    *((1, 5, 1.5, 3, "Hola", "ana", "a", 1, "2024-01-31", "2024-01-31 10:20:30", b"ab"),),
    *((2, -7, -2.25, 2.5, "ñandú Ñ", "ANA", "a ", 0, "2023-12-25", "2023-12-25 00:00:00", b""),),
    (3, *(None,) * 10),
    *((4, 0, 0.0, 0, "", "x ", "b", 0, "2024-02-29", "2024-02-29 23:59:59", b"\x00"),),
    *((5, 123, 1e20, -1.25, "12abc", "Álex", "A", 1, "2000-01-01", "2000-01-01 12:00:00", b"z"),),
    *((6, 3, 0.1, 7, "3", "BOB", "", 1, "2024-01-31", "2024-01-31 00:00:00", b"q"),),
)


def listed(kind):
    """Read the lines of one kind from the document."""
    blocks = re.findall(rf"```sql {kind}\n(.*?)```", DOCUMENT, re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def column(name, kind):
    """Describe a column of the table."""
    made = VisibleColumn.of_kind(name, kind, form=FORMS.get(name))
    return VisibleColumn(
        **{**made.__dict__, "collation": COLLATIONS.get(name, "BINARY")},
    )


CONTEXT = Context(
    Database(
        "public",
        {"t": Known('"public"."t"', tuple(column(*item) for item in KINDS.items()), "id", ("id",))},
    )
)


@pytest.fixture(scope="module")
def source():
    """The table in SQLite."""
    connection = sqlite3.connect(":memory:")
    connection.executescript("\n".join(listed("table")))
    connection.executemany(f"INSERT INTO t VALUES ({', '.join('?' * 11)})", ROWS)
    return connection


@pytest.fixture(scope="module")
def target():
    """The table in Postgres, and all functions that a translation may use."""
    workspace = Workspace.create(f"kept-{os.getpid()}")
    try:
        with (
            embedded.serve(workspace, reason="tests") as server,
            create_database(server, "kept", keep=False) as database,
            database.connect(autocommit=True) as connection,
        ):
            fill(connection)
            yield connection
    finally:
        workspace.close()


def fill(connection):
    """Make the table; no zone of a session may matter."""
    connection.execute("SET TimeZone = 'Asia/Tokyo'")
    columns = ", ".join(f"{name} {kind.value}" for name, kind in KINDS.items())
    connection.execute(f"CREATE TABLE t ({columns})")
    calls = "\n".join(f'"public"."{name}"(' for name in routines._ROUTINES)
    for routine in routines.planned_routines("public", [calls]):
        connection.execute(routine.sql)
    statement = f"INSERT INTO t VALUES ({', '.join(['%s'] * 11)})"
    for row in ROWS:
        values = list(row)
        values[7] = None if values[7] is None else bool(values[7])
        values[9] = None if values[9] is None else f"{values[9]}+00"
        connection.execute(statement, values)


def as_sqlite(value):
    """Give a value of Postgres as SQLite would."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return value.isoformat() if isinstance(value, date) else value


def same(one, other):
    """Compare two values; reals to fifteen digits, lists of group_concat in any order."""
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-12)
    if isinstance(one, str) and isinstance(other, str) and "," in one:
        return sorted(one.split(",")) == sorted(other.split(","))
    return one == other


def compare(source, target, query, *, ordered):
    """Run a query on both sides."""
    tree, _ = parse_statement(query)
    here = source.execute(query).fetchall()
    translated = translate_query(tree, CONTEXT).sql
    found = target.execute(translated.encode()).fetchall()
    there = [tuple(map(as_sqlite, row)) for row in found]
    if not ordered:
        here, there = (sorted(rows, key=repr_of) for rows in (here, there))
    assert len(here) == len(there), translated
    for one, other in zip(here, there, strict=True):
        assert all(map(same, one, other)), (translated, one, other)


def repr_of(row):
    """Sort rows whatever is in them."""
    return [repr(float(v)) if isinstance(v, int | float) else repr(v) for v in row]


@pytest.mark.parametrize("expression", listed("expressions"))
def test_an_expression_yields_the_same(source, target, expression):
    """For every row, NULL and emptiness among them."""
    compare(source, target, f"SELECT id, {expression} FROM t", ordered=False)


@pytest.mark.parametrize("query", listed("queries"))
def test_a_query_yields_the_same(source, target, query):
    """The same rows, in the same order where it says one."""
    compare(source, target, query, ordered="ORDER BY" in query and "OVER" not in query)


@pytest.mark.parametrize("line", listed("refused"))
def test_what_is_refused_says_why(line):
    """The list is closed: what is translated one day is moved to the lists above."""
    expression, reason = line.split(" -- ")
    tree, _ = parse_statement(f"SELECT {expression} FROM t")
    with pytest.raises(UntranslatableError) as caught:
        translate_query(tree, CONTEXT)
    assert str(caught.value) == reason


@pytest.mark.parametrize("query", listed("newer"))
def test_what_newer_sqlites_have_yields_the_same(target, query):
    """apsw brings an SQLite of its own, which is newer than Python's."""
    newer = apsw.Connection(":memory:")
    newer.execute("\n".join(listed("table")))
    newer.executemany(f"INSERT INTO t VALUES ({', '.join('?' * 11)})", ROWS)
    compare(newer, target, query, ordered=False)
