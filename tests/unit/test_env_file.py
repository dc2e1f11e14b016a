"""Environment files: only the bytes of the values meant change, and they come back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_deploy.errors import ConfigError
from pytest_deploy.transfer.env_file import changed, changes_to, content_of, pieces_of, unchanged

WANTED = {"DATABASE_TYPE": "supabase", "API_URL": "https://x.example/rest"}
LINES = st.sampled_from(
    [
        *("# DATABASE_TYPE=comment", "", "  ", "no assignment", "OTHER='a", 'K="one\ntwo" # c'),
        *("DATABASE_TYPE=sqlite", 'export DATABASE_TYPE = "sqlite" # why', "API_URL='http://x'"),
        *(
            "API_URL=",
            "CLAVE=ñandú #x",
            "Q=`a\nDATABASE_TYPE=no\n`",
            "H=a#b",
            'E="a\\"b"',
            "\udcff",
        ),
    ]
)


def whole(lines, end, bom, final):
    """Put a file together."""
    text = ("\ufeff" if bom else "") + end.join(lines) + (end if final else "")
    return text.encode("utf-8", "surrogateescape")


FILES = st.builds(
    whole,
    st.lists(LINES, max_size=8),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.booleans(),
)


@given(st.one_of(FILES, st.binary(max_size=200)))
def test_pieces_are_the_same_bytes(content):
    """Whatever stands in the file."""
    assert content_of(pieces_of(content)) == content


@given(FILES)
def test_a_switch_undone_gives_the_same_bytes(content):
    """And where it was made, the values are those that were asked for, and nothing else."""
    try:
        changes = changes_to(content, WANTED, ".env")
    except ConfigError as error:
        assert "times" in error.problem
        return
    after = changed(content, changes)
    values = {piece.name: piece.value for piece in pieces_of(after)}
    assert {name: values.get(name) for name in WANTED} == WANTED
    assert unchanged(after, changes, ".env") == content
    assert unchanged(content, changes, ".env") == content
    assert changes_to(after, WANTED, ".env") == ()


def test_an_edit_elsewhere_stays():
    """A person's line is not lost when the release is undone."""
    content = b"A=1\nDATABASE_TYPE='sqlite' # mode"
    changes = changes_to(content, WANTED, ".env")
    after = changed(content, changes)
    assert after == b"A=1\nDATABASE_TYPE='supabase' # mode\nAPI_URL=https://x.example/rest"
    assert unchanged(after + b"\nB=2\n", changes, ".env") == content + b"\nB=2\n"


def test_an_edit_of_the_same_line_is_refused():
    """It is neither what was there nor what was written; the value is not told."""
    content = b"DATABASE_TYPE=sqlite\n"
    changes = changes_to(content, {"DATABASE_TYPE": "supabase"}, ".env")
    with pytest.raises(ConfigError, match="seen another") as raised:
        unchanged(b"DATABASE_TYPE=m4rca\n", changes, ".env")
    assert "m4rca" not in str(raised.value)


@pytest.mark.parametrize("value", ["a b", "a#b", "$HOME", "a\nB=1", '"'])
def test_a_value_that_readers_take_differently_is_refused(value):
    """Blanks, comments, expansions, line breaks and quotes."""
    with pytest.raises(ConfigError, match="seen something else"):
        changes_to(b"", {"A": value}, ".env")
