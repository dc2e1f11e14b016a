"""The file of the app's own statements is read as people write it."""

import pytest

from pytest_deploy.behaviour.queries import AppQuery, read_queries
from pytest_deploy.errors import ConfigError


@pytest.fixture
def read(tmp_path):
    """Write a file and read it."""

    def read(text):
        path = tmp_path / "queries.sql"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_queries(path)

    return read


def test_a_statement_says_what_it_is_called_and_what_it_is_given(read):
    """In comments before it; on Postgres it may be another one, over several lines."""
    text = """
-- name: unread
-- args: {"id": 1, "like": "a;b"}
-- postgres: SELECT subject FROM messages
-- postgres: WHERE id = %(id)s;
SELECT subject FROM messages
    WHERE id = :id AND body <> ';';
"""
    assert read(text) == (
        AppQuery(
            "unread",
            "SELECT subject FROM messages\n    WHERE id = :id AND body <> ';'",
            {"id": 1, "like": "a;b"},
            "SELECT subject FROM messages WHERE id = %(id)s",
        ),
    )


def test_a_statement_without_a_name_is_called_by_its_number(read):
    """The last one needs no semicolon; a comment behind it is none."""
    found = read("SELECT 1;\nSELECT 2\n-- the end\n")
    assert [(one.name, one.sql.splitlines()[0]) for one in found] == [
        ("statement 1", "SELECT 1"),
        ("statement 2", "SELECT 2"),
    ]


def test_an_empty_file_has_no_statements(read):
    """Nor has one of comments."""
    assert read("") == read("-- nothing yet\n") == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("-- name: one\n-- args: {id: 1}\nSELECT 1;", "the args of one are no JSON"),
        ("-- args: 1\nSELECT 1;", "neither a JSON object nor a JSON list"),
        (b"SELECT '\xff';", "it is not UTF-8"),
    ],
)
def test_what_cannot_be_read_is_told(read, text, said):
    """With the file, and never with what stands in it."""
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert said in str(caught.value) and "queries.sql" in str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path):
    """Before anything is done."""
    with pytest.raises(ConfigError, match="it cannot be read"):
        read_queries(tmp_path / "none.sql")


def test_parameters_may_be_counted(read):
    """A JSON list goes with question marks, numbered or not; those in texts are texts."""
    (found,) = read(
        """-- args: [1, "x", null]
SELECT '?', a FROM t WHERE a = ? AND b = ?2 AND c IS ?3 AND d = ?1 -- why?
"""
    )
    assert found.arguments == {"p1": 1, "p2": "x", "p3": None}
    assert ":p1 AND b = :p2 AND c IS :p3 AND d = :p1" in found.sql
    assert "'?'" in found.sql
    assert found.counted
