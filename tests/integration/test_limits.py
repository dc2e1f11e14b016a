"""What no Postgres can hold is a finding, and ends nothing."""

import sqlite3

from pytest_deploy.config import for_source
from pytest_deploy.providers.postgres.databases import create_database
from pytest_deploy.schema.fidelity import fidelity
from pytest_deploy.schema.remedies import Remedies
from tests.integration.whole_way import planned, problems


def wide(path, columns, values):
    """Make a table of many columns, with one row that fills some of them."""
    connection = sqlite3.connect(path, isolation_level=None)
    names = [f"c{n}" for n in range(columns)]
    connection.execute(f"CREATE TABLE measured ({' REAL, '.join(names)} REAL)")
    connection.execute(
        f"INSERT INTO measured ({', '.join(names[:values])}) VALUES ({', '.join(['1.5'] * values)})"
    )
    connection.close()
    return path


def taken_over(server, path, folder):
    """Take a database all the way over."""
    with create_database(server, f"wide-{folder.name}") as target:
        prepared = planned(path, target, Remedies(for_source(path), accept=True), folder)
        return problems(prepared, target)


def test_as_many_columns_as_postgres_has_go_over(server, tmp_path):
    """With as many numbers in a row as a page takes."""
    assert taken_over(server, wide(tmp_path / "app.db", 1_600, 900), tmp_path) == []


def test_a_table_of_more_columns_than_postgres_has_is_a_finding(server, tmp_path):
    """It stays behind and keeps the gate closed; the tables beside it go over."""
    database = wide(tmp_path / "app.db", 1_601, 1)
    with sqlite3.connect(database) as connection:
        connection.execute(
            "CREATE TABLE other (id INTEGER PRIMARY KEY, of REFERENCES measured(c0))"
        )
    with create_database(server, "too-wide") as target:
        prepared = planned(database, target, Remedies(for_source(database), accept=True), tmp_path)
        assert problems(prepared, target) == []
    found = next(f for f in prepared.plan.findings if f.code == "table_too_wide")
    assert (found.object, found.severity, found.settled_by) == ("measured", "blocker", None)
    lost = fidelity(prepared.plan, prepared.plan.findings).not_kept
    assert ("tables", "measured") in {(one.kind, one.object) for one in lost}


def test_a_row_that_no_page_holds_stays_behind(server, tmp_path):
    """It goes into quarantine with all its values, and so do the rows that refer to it."""
    database = wide(tmp_path / "app.db", 1_200, 1_200)
    with sqlite3.connect(database) as connection:
        connection.execute("INSERT INTO measured (c1) VALUES (2.5), (NULL)")
        connection.execute("CREATE UNIQUE INDEX key ON measured (c1)")
        connection.execute(
            "CREATE TABLE child (id INTEGER PRIMARY KEY, of REAL REFERENCES measured(c1))"
        )
        connection.execute("INSERT INTO child (of) VALUES (1.5), (2.5)")
    with create_database(server, "too-large") as target:
        prepared = planned(database, target, Remedies(for_source(database), accept=True), tmp_path)
        assert problems(prepared, target) == []
    found = next(f for f in prepared.plan.findings if f.code == "row_too_large")
    assert (found.object, found.count, found.sample_keys) == ("measured", 1, ("rowid=1",))
    assert found.settled_by == "quarantine (--accept-remedies)"
    assert prepared.transfer.exclusions.rows == {"measured": 1, "child": 1}


def test_a_module_that_nobody_has_is_a_finding(server, tmp_path):
    """Neither its table nor what reads it ends the rehearsal."""
    database = wide(tmp_path / "app.db", 2, 2)
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "INSERT INTO sqlite_schema VALUES"
            " ('table', 'odd', 'odd', 0, 'CREATE VIRTUAL TABLE odd USING nobody_has(a, b)')"
        )
        connection.execute("CREATE VIEW v AS SELECT c0 FROM measured")
        connection.execute(
            "INSERT INTO sqlite_schema VALUES"
            " ('view', 'odder', 'odder', 0, 'CREATE VIEW odder AS SELECT a FROM odd')"
        )
    with create_database(server, "odd-module") as target:
        prepared = planned(database, target, Remedies(for_source(database), accept=True), tmp_path)
        assert problems(prepared, target) == []
    assert {"odd", "odder"} <= {finding.object for finding in prepared.plan.findings}
