"""No secret and no personal value reaches output, junit.xml or evidence, however loud pytest is."""

import pytest
from projects import CONFIGURATION, GREEN

SECRET = "s3creto-que-no-sale"
PERSON = "maria.lopez@familia.example"
NAME = "Begoña Etxeberría Ruiz"
PHONE = "+34 600 123 987"
MARKERS = (SECRET, PERSON, NAME, PHONE)
# The values are put together at run time: a line of code that is shown tells nothing.
VALUES = f"""
def read():
    return "{PERSON[:11]}" + "{PERSON[11:]}"

def name():
    return "{NAME[:6]}" + "{NAME[6:]}"

def phone():
    return "{PHONE[:6]}" + "{PHONE[6:]}"
"""
SUITE = f"""
import pytest
from pytest_deploy.gates.verdict import Verdict
{VALUES}
class Row:
    def __repr__(self):
        return read()

def lookup(row, value):
    raise ValueError(value)

@pytest.fixture(scope="session")
def broken():
    person = read()
    raise KeyError(person)

@pytest.fixture
def no_way_back():
    yield
    raise LookupError(name())

def test_local(gate):
    person = read()
    gate.judge(Verdict(1, "fila", ("usuarios at id=1: different",)))

def test_comparison(gate):
    assert read() == "nobody"

def test_rows(gate):
    rows = [dict(id=1, nombre=name(), telefono=phone())]
    assert rows == [dict(id=1, nombre="", telefono="")], f"seen {{rows}}"

def test_message(gate):
    lookup(Row(), read())

def test_fixture(gate, broken):
    pass

def test_way_back(gate, no_way_back):
    gate.judge(Verdict(1, "fila"))

def test_group(gate):
    raise ExceptionGroup(name(), [ValueError(phone())])

def test_chain(gate):
    try:
        lookup(Row(), read())
    except ValueError as error:
        raise RuntimeError(name()) from error

def test_skipped(gate):
    pytest.skip(name())

def test_expected(gate):
    pytest.xfail(phone())

def test_failed(gate):
    pytest.fail(f"no {{name()}}")
"""
LOUD = f"""
import logging, os, sys, threading, warnings
import pytest
from pytest_deploy.gates.verdict import Verdict
{VALUES}
class Leaky:
    def __del__(self):
        raise ValueError(read())

def shout():
    print(read())
    print(name(), file=sys.stderr)
    warnings.warn(f"bad value {{phone()}}", stacklevel=1)
    logging.getLogger("psycopg").warning("DETAIL: Key (email)=(%s)", read())
    logging.getLogger("sqlalchemy.engine").info("params %s", dict(n=name()))
    logging.debug(phone())
    try:
        raise ValueError(read())
    except ValueError:
        logging.getLogger("some.library").exception("failed for %s", name())

@pytest.fixture(scope="session")
def loud():
    shout()
    yield
    shout()

def test_green(gate, loud):
    shout()
    gate.judge(Verdict(1, "fila"))

def test_red(gate, loud):
    shout()
    assert read() == name()

def test_dropped(gate):
    Leaky()
    gate.judge(Verdict(1, "fila"))

def test_thread(gate):
    def fail():
        raise ValueError(read())
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    gate.judge(Verdict(1, "fila"))
"""
LOUDNESS = (
    (),
    ("-v",),
    ("-vv", "-l", "-rA"),
    ("-vv", "--showlocals", "--tb=long", "-rA", "--full-trace", "-o", "junit_logging=all"),
    ("-vv", "-s", "--showlocals", "-rA", "--tb=long", "--log-cli-level=DEBUG"),
    ("--capture=tee-sys", "--log-file=.deploy/pytest.log", "--log-file-level=DEBUG"),
    ("--tb=native", "-p", "no:warnings", "-s"),
)


def leaks(project, result):
    """Name every place where a marker is."""
    kept = [path for path in (project.path / ".deploy").rglob("*") if path.is_file()]
    told = {str(path): path.read_bytes() for path in (*kept, project.path / "junit.xml")}
    told |= {"stdout": result.stdout.str().encode(), "stderr": result.stderr.str().encode()}
    written = {"report.json", "report.html", "summary.md", "history.sqlite"}
    assert written <= {path.name for path in kept}
    return [(where, m) for where, text in told.items() for m in MARKERS if m.encode() in text]


@pytest.mark.parametrize("loudness", LOUDNESS)
@pytest.mark.parametrize("suite", [SUITE, LOUD], ids=["failures", "output"])
def test_planted_values_stay_inside(project, monkeypatch, loudness, suite):
    """A gate that fails in any way tells where, never what it held in its hands."""
    monkeypatch.setenv("PRODUCTION_DATABASE_URL", f"postgresql://u:{SECRET}@h/d")
    monkeypatch.setenv("REHEARSAL_URL", f"postgresql://postgres:{SECRET}@127.0.0.1:1/postgres")
    project.configure(
        CONFIGURATION
        + '[rehearsal]\npostgres = "env:REHEARSAL_URL"\n'
        + '[env.production]\ndatabase = "env:PRODUCTION_DATABASE_URL"\n'
    )
    project.write("ops/suites/nightly/test_leaks.py", suite)
    result = project.run("-m", "nightly", "ops/suites", "--junitxml=junit.xml", *loudness)
    assert result.ret == 1
    assert leaks(project, result) == []
    assert "test_leaks.py" in result.stdout.str()


@pytest.mark.parametrize("file", ["test_leaks.py", "conftest.py"])
def test_a_suite_that_fails_while_it_is_imported_tells_no_value(project, file):
    """It is told as a gate that fails."""
    project.gates("nightly", a=GREEN)
    project.write(f"suites/nightly/{file}", f"{VALUES}\nraise ValueError(read())\n")
    result = project.run("-m", "nightly", "-vv", "-l", "--tb=long", "-rA", "--junitxml=junit.xml")
    assert result.ret != 0
    told = result.stdout.str() + result.stderr.str() + (project.path / "junit.xml").read_text()
    assert "its message is withheld" in told
    assert not [marker for marker in MARKERS if marker in told]


def test_a_mistake_in_a_suite_is_still_told(project):
    """A name that cannot be imported is nobody's."""
    project.write("suites/nightly/test_gates.py", "import not_to_be_found\n")
    result = project.run("-m", "nightly")
    result.stdout.fnmatch_lines(["*No module named 'not_to_be_found'*"])


def test_other_tests_are_shown_as_ever(project):
    """What is withheld is withheld of gates only."""
    project.gates("nightly", a="print('del gate')\n" + GREEN)
    project.write(
        "tests/test_plain.py",
        """
        import logging
        def test_plain():
            logging.getLogger("x").warning("logged by %s", "a test")
            print("printed by a test")
            assert 1 == 2, "said by a test"
        """,
    )
    result = project.run(".", "-rA", "-s", "--log-cli-level=INFO")
    for text in ("logged by a test", "printed by a test", "said by a test"):
        assert text in result.stdout.str()
    assert "del gate" not in result.stdout.str()


def test_what_is_withheld_is_said(project):
    """Where something came from, and how much there was."""
    project.write("suites/nightly/test_leaks.py", LOUD)
    result = project.run("-m", "nightly", "-rA")
    result.stdout.fnmatch_lines(
        [
            "*Captured stdout*",
            "1 lines withheld, it may quote a row",
            "*UserWarning: withheld, it may quote a row*",
        ]
    )
