"""Suites are read as Great Expectations writes them; what cannot be used says why."""

import json

import pytest

from pytest_deploy.config import for_source, load
from pytest_deploy.validation.outcome import figures_of, refusal_of
from pytest_deploy.validation.suites import Rule, Volume, read_suites, suites_of

RULE = {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "rol"}}


def suite(tmp_path, told, name="usuarios.json"):
    """Write one file and read it."""
    text = told if isinstance(told, str) else json.dumps(told)
    (tmp_path / name).write_text(text)
    (read,) = read_suites(tmp_path)
    return read


def test_the_table_is_named_in_the_file_or_by_it(tmp_path):
    """`meta.table` outweighs the file's name."""
    assert suite(tmp_path, {"expectations": [RULE]}).table == "usuarios"
    told = {"name": "x", "expectations": [RULE], "meta": {"table": "Los usuarios/2"}}
    assert suite(tmp_path, told).table == "Los usuarios/2"


def test_what_a_suite_says_is_read(tmp_path):
    """Rules in their order, allow_empty, bounds, and the words of a description."""
    meta = {"allow_empty": True, "volume": {"least": 0.5}, "great_expectations_version": "1.24.1"}
    rules = [RULE | {"description": "the role is known"}, RULE]
    read = suite(tmp_path, {"expectations": rules, "meta": meta, "notes": None})
    assert (read.allow_empty, read.volume, read.problem) == (True, Volume(0.5, float("inf")), "")
    assert [rule.sentence for rule in read.rules] == [
        "the role is known",
        "rol: column values to be in set",
    ]


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("{", "expected JSON, seen something else at line 1"),
        ("[]", "expected an object with a list `expectations`"),
        ({"expectations": {}}, "expected an object with a list `expectations`"),
        ({"expectations": [{"kwargs": {}}]}, "expectation 1: expected an object with `type`"),
        ({"expectations": [{"type": "x", "kwargs": []}]}, ""),
        ({"expectations": [{"type": "x", "kwargs": [1]}]}, "expectation 1: expected objects"),
        ({"expectations": [], "meta": [1]}, "meta: expected an object"),
        ({"expectations": [], "meta": {"table": 3}}, "meta.table: expected the name"),
        ({"expectations": [], "meta": {"allow_empty": "yes"}}, "meta.allow_empty: expected true"),
        ({"expectations": [], "meta": {"volume": {"lest": 1}}}, "meta.volume: expected shares"),
        ({"expectations": [], "meta": {"volume": {"least": 2, "most": 1}}}, "seen other bounds"),
        ({"expectations": [], "meta": {"volume": {"most": True}}}, "seen other bounds"),
        ('{"expectations": [], "meta": {"volume": {"most": NaN}}}', "seen other bounds"),
        ({"expectations": [], "meta": {"volume": {"least": 0}}}, "seen other bounds"),
        ({"expectations": [], "meta": {"volum": {"least": 1}}}, "did you mean meta.volume?"),
        ({"expectations": [], "volume": {"least": 1}}, "volume: expected inside meta"),
        (
            '{"expectations": [1], "expectations": []}',
            "expected each key once, seen 'expectations'",
        ),
        ({"expectations": [RULE | {"mostly": 1}]}, "expectation 1: mostly: not known"),
    ],
)
def test_what_is_no_suite_says_why(tmp_path, told, said):
    """Never an exception: the gate tells of all files at once."""
    assert said in suite(tmp_path, told).problem
    assert bool(said) == bool(suite(tmp_path, told).problem)


@pytest.mark.parametrize("name", ["mas/usuarios.json", "usuarios.JSON"])
def test_a_suite_that_nobody_would_read_says_so(tmp_path, name):
    """In a folder below, or with another ending: its rules would never be checked."""
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(json.dumps({"expectations": [RULE]}))
    (read,) = read_suites(tmp_path)
    assert "nobody reads it" in read.problem
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden/x.json").write_text("{}")
    assert len(read_suites(tmp_path)) == 1


def test_a_file_that_is_not_text_says_so(tmp_path):
    """Other bytes than UTF-8, or nothing that can be read at all."""
    (tmp_path / "a.json").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "b.json").mkdir()
    assert [
        "UTF-8" in s.problem or "cannot be read" in s.problem for s in read_suites(tmp_path)
    ] == [
        True,
        True,
    ]


def test_where_suites_must_be_none_is_a_problem(tmp_path):
    """A folder that is named or there must have some; nobody has to have one."""
    assert suites_of(None, asked=False) == ()
    assert suites_of(tmp_path / "expectations", asked=False) == ()
    (named,) = suites_of(tmp_path / "expectations", asked=True)
    (there,) = suites_of(tmp_path, asked=False)
    assert "expected suites" in named.problem
    assert "expected suites" in there.problem


def test_configuration_says_whose_suites_there_are(tmp_path):
    """Those of the configured database alone; named, they are asked for."""
    path = tmp_path / "deploy.toml"
    least = '[app]\nname = "a"\n[source]\ndatabase = "a.db"\n'
    path.write_text(least)
    settings = load(path)
    assert (settings.expectations, settings.asks_for_expectations) == (
        tmp_path / "expectations",
        False,
    )
    other = settings.with_source(tmp_path / "b.db")
    assert (other.expectations, other.asks_for_expectations) == (None, False)
    assert for_source(tmp_path / "a.db").expectations is None
    path.write_text(least + '[gates.expectations]\nfolder = "rules"\n')
    settings = load(path)
    assert (settings.expectations, settings.asks_for_expectations) == (tmp_path / "rules", True)


def test_only_counts_are_taken_from_a_result():
    """The largest value, the most common one and partial lists are values of rows."""
    whole = {"element_count": 3, "unexpected_count": 1, "partial_unexpected_list": ["maria"]}
    assert figures_of(Rule("expect_column_values_to_be_in_set"), whole) == {
        "element_count": 3,
        "unexpected_count": 1,
    }
    observed = {"observed_value": 1_980, "details": {"value_counts": [1]}}
    assert figures_of(Rule("expect_column_max_to_be_between"), observed) == {}
    counted = Rule("expect_table_row_count_to_be_between")
    assert figures_of(counted, observed) == {"observed_value": 1_980}


def test_of_a_refusal_only_its_class_is_told():
    """The message quotes the row."""
    said = "(psycopg.errors.InvalidTextRepresentation) invalid input: 'maria'"
    one = {"raised_exception": True, "exception_message": said}
    assert refusal_of(one) == refusal_of({"metric": one})
    assert refusal_of(one) == "Postgres refuses it: InvalidTextRepresentation"
    assert refusal_of({"a": {"raised_exception": True, "exception_message": "maria"}}) == (
        "GX cannot check it"
    )
    assert refusal_of({"raised_exception": False, "exception_message": None}) == ""
