"""Schemas that call functions and collations which only the application has."""

import sqlite3

import pytest

from pytest_deploy.config import for_source
from pytest_deploy.providers.postgres.databases import create_database
from pytest_deploy.schema.remedies import Remedies
from tests.integration.whole_way import planned, problems

SCHEMAS = {
    "check": "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT CHECK (a REGEXP '^a'), b TEXT)",
    "index": """
        CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT);
        CREATE INDEX i ON t (own(a));
        CREATE UNIQUE INDEX j ON t (b) WHERE own(a) = 'a'
    """,
    "stored": "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT, c TEXT AS (own(a)) STORED)",
    "default": "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT, c TEXT DEFAULT (own('x')))",
    "trigger": """
        CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT);
        CREATE TRIGGER g AFTER UPDATE ON t WHEN own(NEW.a) = 'x' BEGIN DELETE FROM t; END
    """,
    "index in a collation": """
        CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT);
        CREATE INDEX i ON t (a COLLATE letters)
    """,
}


def made(path, sql):
    """Make a database as its application would, with its functions at hand."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.create_function("regexp", 2, lambda _, text: text is not None, deterministic=True)
    connection.create_function("own", 1, str, deterministic=True)
    connection.create_collation("letters", lambda one, other: (one > other) - (one < other))
    connection.executescript(sql)
    connection.execute("INSERT INTO t (a, b) VALUES ('a', 'x'), ('ab', 'y')")
    connection.close()
    return path


@pytest.mark.parametrize("what", SCHEMAS)
def test_what_calls_them_is_a_finding_and_the_rest_goes_over(server, tmp_path, what):
    """The rehearsal neither fails for want of the function nor makes up what it would give."""
    database = made(tmp_path / "app.db", SCHEMAS[what])
    with create_database(server, f"own-{what}".replace(" ", "-")) as target:
        prepared = planned(
            database, target, Remedies(for_source(database), accept=True), tmp_path, zone="UTC"
        )
        assert [f for f in prepared.plan.findings if f.severity == "risk"] or "collation" in what
        assert problems(prepared, target) == []


def test_a_virtual_column_that_calls_one_is_not_made(server, tmp_path):
    """SQLite has no value of it without the application; the rest of its table goes over."""
    sql = """
        CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT, c TEXT AS (own(a)),
            d TEXT AS (c || 'x'), e TEXT AS (a || 'y'), UNIQUE (c), CHECK (c <> 'z'));
        CREATE INDEX i ON t (c, a);
        CREATE VIEW v AS SELECT c FROM t
    """
    database = made(tmp_path / "app.db", sql)
    with create_database(server, "own-virtual") as target:
        prepared = planned(
            database, target, Remedies(for_source(database), accept=True), tmp_path, zone="UTC"
        )
        assert problems(prepared, target) == []
    named = {f.object for f in prepared.plan.findings}
    assert {"t.c", "t.d", "i", "v", "t.t_check"} <= named
    assert [column.name for column in prepared.plan.tables[0].columns] == ["id", "a", "b", "e"]
