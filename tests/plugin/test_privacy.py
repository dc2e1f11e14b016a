"""No secret and no personal value reaches output, junit.xml or evidence, however loud pytest is."""

import pytest
from projects import CONFIGURATION

SECRET = "s3creto-que-no-sale"
PERSON = "maria.lopez@familia.example"
SUITE = f"""
import pytest
from pytest_deploy.gates.verdict import Verdict

class Row:
    def __repr__(self):
        return "{PERSON}"

def lookup(row, value):
    raise ValueError(value)

def read():
    return "{PERSON[:11]}" + "{PERSON[11:]}"

@pytest.fixture(scope="session")
def broken():
    person = read()
    raise KeyError(person)

def test_local(gate):
    person = read()
    gate.judge(Verdict(1, "fila", ("usuarios at id=1: different",)))

def test_comparison(gate):
    assert read() == "nobody"

def test_message(gate):
    lookup(Row(), read())

def test_fixture(gate, broken):
    pass
"""


@pytest.mark.parametrize(
    "loudness", [(), ("-v",), ("-vv", "-l"), ("-vv", "--showlocals", "--tb=long"), ("--tb=native",)]
)
def test_planted_values_stay_inside(project, monkeypatch, loudness):
    """A gate that fails in any way tells where, never what it held in its hands."""
    monkeypatch.setenv("PRODUCTION_DATABASE_URL", f"postgresql://u:{SECRET}@h/d")
    monkeypatch.setenv("REHEARSAL_URL", f"postgresql://postgres:{SECRET}@127.0.0.1:1/postgres")
    project.configure(
        CONFIGURATION
        + '[rehearsal]\npostgres = "env:REHEARSAL_URL"\n'
        + '[env.production]\ndatabase = "env:PRODUCTION_DATABASE_URL"\n'
    )
    project.write("suites/nightly/test_leaks.py", SUITE)
    result = project.run("-m", "nightly", "--junitxml=junit.xml", *loudness)
    assert result.ret == 1
    kept = [path for path in (project.path / ".deploy").rglob("*") if path.is_file()]
    texts = [path.read_text() for path in (*kept, project.path / "junit.xml")]
    texts += [result.stdout.str(), result.stderr.str()]
    for text in texts:
        assert SECRET not in text
        assert PERSON not in text
    assert any("test_leaks.py" in text for text in texts)
