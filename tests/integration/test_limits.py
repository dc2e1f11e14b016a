"""What no Postgres can hold ends the rehearsal with an error that says so."""

import sqlite3

import pytest

from pytest_deploy.config import for_source
from pytest_deploy.errors import DeployError, SourceError
from pytest_deploy.providers.postgres.databases import create_database
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


def test_more_columns_than_postgres_has_are_told(server, tmp_path):
    """By the table's name and what is allowed."""
    with pytest.raises(SourceError) as caught:
        taken_over(server, wide(tmp_path / "app.db", 1_601, 1), tmp_path)
    assert "at most 1,600 columns in a table, seen 'measured' with 1,601" in str(caught.value)


def test_a_row_that_no_page_holds_is_told(server, tmp_path):
    """By the table's name and what to do."""
    with pytest.raises(DeployError) as caught:
        taken_over(server, wide(tmp_path / "app.db", 1_200, 1_200), tmp_path)
    assert "measured" in str(caught.value)
    assert "split the table in the source" in str(caught.value)
