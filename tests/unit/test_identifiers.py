"""Any name survives: quoted, fitted to 63 bytes, never the same twice."""

import sqlite3

from hypothesis import given
from hypothesis import strategies as st

from pytest_deploy.schema.identifiers import Names, column_name, fitted, literal, quoted

names = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1)


@given(names)
def test_quoting_brings_any_name_back(name):
    """SQLite itself reads the quoted name as the name."""
    connection = sqlite3.connect(":memory:")
    connection.execute(f"CREATE TABLE t ({quoted(name)})")
    assert connection.execute("SELECT name FROM pragma_table_info('t')").fetchone() == (name,)


@given(names)
def test_literals_bring_any_text_back(text):
    """SQLite itself reads the literal as the text."""
    assert sqlite3.connect(":memory:").execute(f"SELECT {literal(text)}").fetchone() == (text,)


@given(names, st.sampled_from(["", "_pkey", "_fkey"]))
def test_fitted_names_fit_and_are_stable(name, ending):
    """At most 63 bytes, always the same, and untouched where they fit."""
    short = fitted(name, also=ending)
    assert len(short.encode()) <= 63
    assert short == fitted(name, also=ending)
    assert short.endswith(ending)
    if len((name + ending).encode()) <= 63:
        assert short == name + ending


@given(st.lists(names, max_size=30))
def test_names_are_never_given_twice(wanted):
    """Even equal names, and long ones that begin alike, stay apart."""
    taking = Names()
    given_out = [taking.take(name) for name in [*wanted, "a" * 80, "a" * 81, "a" * 80]]
    assert len(set(given_out)) == len(given_out)
    assert all(len(name.encode()) <= 63 for name in given_out)


def test_system_columns_get_another_name():
    """Postgres keeps some column names for itself."""
    assert column_name("ctid") == "ctid_"
    assert column_name("id") == "id"
