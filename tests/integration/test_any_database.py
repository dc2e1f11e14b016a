"""Databases that nobody designed: random tables, names, keys and values, all the way over."""

import random
import sqlite3
import tempfile
import uuid
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_deploy.config import for_source
from pytest_deploy.providers.postgres.databases import create_database
from pytest_deploy.schema.identifiers import quoted, quoted_list
from pytest_deploy.schema.remedies import Remedies
from tests.integration.whole_way import planned, problems

TYPES = (
    *("INTEGER", "INT", "TEXT", "VARCHAR(10)", "REAL", "NUMERIC", "DECIMAL(6,2)", "BLOB", ""),
    *("BOOLEAN", "DATE", "DATETIME", "TIMESTAMP", "string", "JSON", "UUID", "point", "double"),
    *("CHAR(3)", "TIME", "int64", "BINARY", "DECIMAL(2000,3)", "DECIMAL(3,5)", "any", "year"),
)
NAMES = (
    *("a", "id", "Nombre", "año", "select", "x y", "d.ot", 'q"q', "1st", "ctid", "xmin", "oid"),
    *("rowid", "tab\tname", "new\nline", "per%cent", "%s", "{b}", "back\\slash", "quo'te", "$1"),
    *("?", "--c", "/*c", "user", "largo" + "x" * 70, "TRUE", "null", "bucket0"),
)
VALUES = (
    *(None, 0, 1, 7, -9, 2**63 - 1, -(2**63), 0.0, -0.0, 0.1, 1e300, 5e-324, float("inf"), 3.0),
    *("", "a", "A", "ñ", "\\N", "\\", "\t\n\r", "x" * 3000, "12", "1.0", "true", "\x01", "😀"),
    *("2024-01-01", "2024-01-01 10:00:00", "2024-02-30", "0000-00-00", "2024-01-01T00:00:00Z"),
    *("{}", "'", b"", b"\0", b"abc", b"\xff\xfe"),
)
# What an orderly application keeps in a column, for every column that is declared so.
ORDERLY = {
    "UUID": ("0e8f1d2c-3b4a-4596-8778-695a4b3c2d1e", "f0e1d2c3-b4a5-4687-9778-695a4b3c2d1e"),
    "JSON": ("{}", '{"a": [1, 2.50, "ñ"],  "a": null}', "[]", "true", '"\\ud800"'),
    "DATETIME": (1_700_000_000, 1_400_000_000, 946_684_800),
    "TIMESTAMP": (1_700_000_000_123, 946_684_800_000),
    "DATE": (2_460_370.0208333335, 2_451_544.123456789),
    "INTEGER": (0, 1, -7, 2**40),
    "TEXT": ("", "a", "B", "ñ"),
}
DEFAULTS = ("0", "'x'", "CURRENT_TIMESTAMP", "(1+1)", "NULL", "TRUE", '"dq"', "x'00'", "1e999")
EXPRESSIONS = (
    *("{a}", "upper({a})", "{a} || {b}", "ifnull({a}, {b})", "length({a})", "{a} = {b}", "{a} + 1"),
    *("CASE WHEN {a} IS NULL THEN 0 ELSE 1 END", "substr({a}, 1, 2)", "typeof({a})", "{a} / 2"),
    *("instr({a}, 'a')", "trim({a})", "CAST({a} AS INTEGER)", "abs({a})", "round({a}, 1)"),
)
CONDITIONS = (
    "{a} IS NOT NULL",
    "{a} > 1",
    "{a} = 'a'",
    "{a} LIKE 'a%'",
    "{a} IN (0, 1)",
    "{a} <> {b}",
)
CHECKS = ("> 0", "IS NOT NULL", "<> 7", "IN (0, 1)", "BETWEEN 0 AND 5")


# SQLite takes any text without NUL for a name; Python sends it only what is UTF-8.
LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
IDENTIFIERS = st.text(LETTERS, min_size=1, max_size=80)
ANYTHING = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary()
    | st.sampled_from(VALUES)
    | st.datetimes().map(str)
    | st.uuids().map(str)
)


class Maker:
    """Makes one database, the same for the same chance."""

    def __init__(self, path, chance):
        self.chance = chance
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.tables = []

    def make(self):
        """Make some tables with rows and indexes."""
        for number in range(self.chance.randint(1, 6)):
            self.make_table(number)
        for number in range(self.chance.randint(0, 4)):
            self.make_program(number)
        self.connection.close()

    def names(self, count, ending=""):
        """Choose names that SQLite takes for different ones."""
        return [name + ending for name in self.chance.sample(NAMES, count)]

    def make_table(self, number):
        """Make a table, and try to fill it with whatever it takes."""
        name = self.names(1, f" {number}")[0]
        columns = self.names(self.chance.randint(1, 7))
        key = self.chance.choice(("none", "rowid", "text", "desc", "together", "without rowid"))
        parts = [self.column(n, first=not i, key=key) for i, n in enumerate(columns)]
        if key in ("together", "without rowid"):
            chosen = self.chance.sample(columns, min(2, len(columns)))
            parts.append(f"PRIMARY KEY ({quoted_list(tuple(chosen))})")
        ending = " WITHOUT ROWID" if key == "without rowid" else ""
        self.connection.execute(f"CREATE TABLE {quoted(name)} ({', '.join(parts)}){ending}")
        self.tables.append((name, columns))
        pools = [self.pool(part) for part in parts[: len(columns)]]
        for _ in range(self.chance.choice((0, 3, 20))):
            self.attempt(
                f"INSERT OR IGNORE INTO {quoted(name)} VALUES ({', '.join('?' * len(columns))})",
                [self.chance.choice(pool) for pool in pools],
            )
        unique = self.chance.choice(("", "UNIQUE "))
        self.attempt(
            f"CREATE {unique}INDEX {quoted(f'ix {number}')} ON {quoted(name)}"
            f" ({quoted(self.chance.choice(columns))} {self.chance.choice(('', 'DESC'))})"
        )

    def pool(self, declared):
        """Choose what is put into a column: anything, or what its declaration promises."""
        promised = next(
            (v for k, v in ORDERLY.items() if declared.split('" ')[-1].startswith(k)), None
        )
        return (*promised, None) if promised and self.happens(0.6) else VALUES

    def make_program(self, number):
        """Make an index, a view or a trigger of whatever expressions."""
        table, columns = self.chance.choice(self.tables)
        one, other = (quoted(self.chance.choice(columns)) for _ in range(2))
        name, on = quoted(f"p {number}"), quoted(table)
        expression = self.chance.choice(EXPRESSIONS).format(a=one, b=other)
        condition = self.chance.choice(CONDITIONS).format(a=one, b=other)
        event = self.chance.choice(("INSERT", "UPDATE", "DELETE"))
        row = "OLD" if event == "DELETE" else "NEW"
        deletes = f"BEGIN DELETE FROM {on} WHERE {one} = {row}.{other}; END"
        raises = f"WHEN {row}.{one} IS NULL BEGIN SELECT RAISE(ABORT, 'no'); END"
        self.attempt(
            self.chance.choice(
                [
                    f"CREATE VIEW {name} AS SELECT {one}, {expression} AS e FROM {on}",
                    f"CREATE VIEW {name} AS SELECT count(*), {other} FROM {on} GROUP BY {other}",
                    f"CREATE VIEW {name} AS SELECT {one} FROM {on} WHERE {condition}",
                    f"CREATE INDEX {name} ON {on} ({expression}) WHERE {condition}",
                    f"CREATE TRIGGER {name} AFTER {event} ON {on} {deletes}",
                    f"CREATE TRIGGER {name} BEFORE {event} ON {on} {raises}",
                ]
            )
        )

    def attempt(self, sql, values=()):
        """Do what SQLite allows."""
        try:
            self.connection.execute(sql, values)
        except sqlite3.Error:
            return

    def column(self, name, *, first, key):
        """Declare a column."""
        if first and key in ("rowid", "desc", "text"):
            kind = {"rowid": "INTEGER PRIMARY KEY", "desc": "INTEGER PRIMARY KEY DESC"}
            return f"{quoted(name)} {kind.get(key, 'TEXT PRIMARY KEY')}"
        parts = [quoted(name), self.chance.choice(TYPES)]
        parts += ["NOT NULL"] * self.happens(0.15) + ["UNIQUE"] * self.happens(0.1)
        parts += [f"DEFAULT {self.chance.choice(DEFAULTS)}"] * self.happens(0.15)
        parts += ["COLLATE NOCASE"] * self.happens(0.1)
        parts += [f"CHECK ({quoted(name)} {self.chance.choice(CHECKS)})"] * self.happens(0.1)
        if self.tables and self.happens(0.3):
            parent, columns = self.chance.choice(self.tables)
            named = f"({quoted(self.chance.choice(columns))})" * self.happens(0.5)
            parts.append(f"REFERENCES {quoted(parent)} {named}")
        return " ".join(parts)

    def happens(self, probability):
        """Decide."""
        return self.chance.random() < probability


def everything_that_does_not_hold(server, path, folder, seed):
    """Take a database all the way over, with remedies accepted."""
    remedies = Remedies(for_source(path), accept=True)
    with create_database(server, uuid.uuid4().hex) as target:
        prepared = planned(path, target, remedies, folder)
        assert not [finding for finding in prepared.plan.findings if finding.blocks]
        return problems(prepared, target, seed=seed)


@pytest.mark.parametrize("seed", range(40))
def test_any_database_goes_over_or_into_quarantine(server, tmp_path, seed):
    """With remedies accepted every gate is green, whatever the database is."""
    path = tmp_path / "any.db"
    Maker(path, random.Random(seed)).make()
    assert everything_that_does_not_hold(server, path, tmp_path, seed) == []


def test_what_is_beyond_any_integer_is_shown_by_no_view(server, tmp_path):
    """Numeric says so in another way than a real does; neither ends the comparison."""
    path = tmp_path / "any.db"
    connection = sqlite3.connect(path)
    connection.executescript(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, x NUMERIC, y REAL);"
        "INSERT INTO t VALUES (1, 9e999, -9e999), (2, 1.5, 2.5);"
        "CREATE VIEW u AS SELECT CAST(y AS INTEGER) AS a, y % 2 AS b FROM t;"
        "CREATE VIEW v AS SELECT CAST(x AS INTEGER) AS a, x % 2 AS b FROM t;"
    )
    connection.close()
    assert everything_that_does_not_hold(server, path, tmp_path, 1) == []


@settings(max_examples=settings().max_examples // 4)
@given(chance=st.randoms())
def test_hypothesis_finds_no_schema_that_does_not_go_over(server, chance):
    """Random tables, keys, defaults, checks and programs, and the smallest that goes wrong."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any.db"
        Maker(path, chance).make()
        assert everything_that_does_not_hold(server, path, Path(folder), 1) == []


@settings(max_examples=settings().max_examples // 4)
@given(
    declared=st.lists(st.sampled_from(TYPES), min_size=1, max_size=4),
    rows=st.lists(st.lists(ANYTHING, min_size=4, max_size=4), max_size=20),
    names=st.lists(IDENTIFIERS, min_size=5, max_size=5, unique_by=str.lower),
)
def test_hypothesis_finds_no_value_that_is_lost(server, declared, rows, names):
    """Any value under any declaration and any name is equal on the other side or in quarantine."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any.db"
        columns = [f"{quoted(n)} {t}" for n, t in zip(names[1:], declared, strict=False)]
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute(f"CREATE TABLE {quoted(names[0])} ({', '.join(columns)})")
        marks = ", ".join("?" * len(columns))
        connection.executemany(
            f"INSERT INTO {quoted(names[0])} VALUES ({marks})",
            [row[: len(columns)] for row in rows],
        )
        connection.close()
        assert everything_that_does_not_hold(server, path, Path(folder), 1) == []
