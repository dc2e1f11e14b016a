"""What only the SQL text tells is read right, whatever the way it is written."""

import sqlite3

import pytest

from pytest_deploy.schema.declarations import read_declarations
from pytest_deploy.schema.model import Affinity, affinity_of
from pytest_deploy.schema.sqlite import read_schema


def schema_of(*statements: str):
    connection = sqlite3.connect(":memory:")
    for statement in statements:
        connection.execute(statement)
    return read_schema(connection)


@pytest.mark.parametrize(
    ("declared", "affinity"),
    [
        ("INT", "INTEGER"),
        ("floating point(5,10)", "INTEGER"),
        ("CHARINT", "INTEGER"),
        ("varchar(20)", "TEXT"),
        ("string", "NUMERIC"),
        ("", "BLOB"),
        ("BLOB", "BLOB"),
        ("DOUBLE PRECISION", "REAL"),
        ("DECIMAL(10,2)", "NUMERIC"),
    ],
)
def test_affinity_follows_sqlites_rules(declared, affinity):
    """The five rules are applied in SQLite's order."""
    assert affinity_of(declared) is Affinity(affinity)


def test_checks_are_found_with_and_without_a_name():
    """A parenthesis or a comma inside a string ends nothing."""
    sql = """CREATE TABLE t (
        a TEXT CHECK (a <> ')' AND a <> ','), -- CHECK (not this one)
        b INT, CONSTRAINT "mi nombre" CHECK (b > (1 + 2)) /* CHECK (nor this) */
    )"""
    checks = read_declarations("t", sql).checks
    assert [(c.name, c.expression) for c in checks] == [
        ("t_check", "a <> ')' AND a <> ','"),
        ("mi nombre", "b > (1 + 2)"),
    ]


def test_collation_conflict_and_autoincrement_are_found():
    """Clauses that no PRAGMA tells are read from the text."""
    said = read_declarations(
        "t",
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, [año] TEXT COLLATE nocase,"
        " c UNIQUE ON CONFLICT REPLACE, d NOT NULL ON CONFLICT ABORT)",
    )
    assert said.autoincrement
    assert said.collations == {"año": "NOCASE"}
    assert said.conflicts == ("REPLACE",)


def test_deferred_keys_meet_their_foreign_key():
    """The PRAGMA counts foreign keys from the last: deferral must not be mixed up."""
    schema = schema_of(
        "CREATE TABLE p (id INTEGER PRIMARY KEY)",
        "CREATE TABLE c (a REFERENCES p DEFERRABLE INITIALLY DEFERRED,"
        " b REFERENCES p NOT DEFERRABLE INITIALLY DEFERRED,"
        " d INT, FOREIGN KEY (d) REFERENCES p (id) ON DELETE SET NULL)",
    )
    keys = schema.table("c").foreign_keys
    assert [(k.columns, k.deferred, k.on_delete) for k in keys] == [
        (("a",), True, "NO ACTION"),
        (("b",), False, "NO ACTION"),
        (("d",), False, "SET NULL"),
    ]
    assert all(k.parent_columns == ("id",) for k in keys)


@pytest.mark.parametrize(
    ("sql", "rowid_column", "identity"),
    [
        ("CREATE TABLE t (id INTEGER PRIMARY KEY)", "id", ("id",)),
        ("CREATE TABLE t (id INTEGER PRIMARY KEY DESC)", None, ("rowid",)),
        ("CREATE TABLE t (id INT PRIMARY KEY)", None, ("rowid",)),
        ("CREATE TABLE t (a, b, PRIMARY KEY (b, a)) WITHOUT ROWID", None, ("b", "a")),
        ("CREATE TABLE t (rowid TEXT, oid TEXT)", None, ("_rowid_",)),
        ("CREATE TABLE t (id INTEGER, PRIMARY KEY (id ASC))", "id", ("id",)),
    ],
)
def test_rowid_is_told_from_other_keys(sql, rowid_column, identity):
    """Only an INTEGER PRIMARY KEY stands for the rowid."""
    table = schema_of(sql).tables[0]
    assert (table.rowid_column, table.identity) == (rowid_column, identity)


def test_shadow_tables_and_sqlites_own_stay_out():
    """A full-text index brings five tables; none of them is the user's."""
    schema = schema_of(
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a)",
        "CREATE VIRTUAL TABLE busqueda USING fts5(a)",
        "CREATE INDEX i ON t (a)",
        "ANALYZE",
    )
    assert [table.name for table in schema.tables] == ["t"]
    assert [(v.name, v.module) for v in schema.virtual_tables] == [("busqueda", "fts5")]


def test_a_view_that_sqlite_cannot_run_is_marked():
    """A broken view is known as broken, the others are not."""
    schema = schema_of(
        "CREATE TABLE t (a)",
        "CREATE VIEW good AS SELECT a FROM t",
        "CREATE VIEW bad AS SELECT ninguna(a) FROM t",
    )
    assert [(v.name, v.error is None) for v in schema.views] == [("good", True), ("bad", False)]


def test_index_terms_keep_order_and_collation():
    """Columns, DESC, expressions, WHERE and collations come as declared."""
    schema = schema_of(
        "CREATE TABLE t (a TEXT COLLATE NOCASE, b, c UNIQUE)",
        "CREATE UNIQUE INDEX i ON t (b DESC, a) WHERE b > 1",
        "CREATE INDEX e ON t (lower(a))",
    )
    by_name = {index.name: index for index in schema.tables[0].indexes}
    first = by_name["i"]
    assert (first.columns, first.unique, first.partial) == (("b", "a"), True, True)
    assert [(t.descending, t.collation) for t in first.terms] == [
        (True, "BINARY"),
        (False, "NOCASE"),
    ]
    assert by_name["e"].has_expression
    assert [index.constraint for index in by_name.values()].count(True) == 1
