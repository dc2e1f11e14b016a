"""What data decided once stays: rows come and go, the schema is the one in schema.lock."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

from pytest_deploy.cli.planning import Asked, planned
from pytest_deploy.config import load
from pytest_deploy.schema.lock import lock_of
from pytest_deploy.schema.lock_text import lock_text, parse_lock

SCHEMA = """
CREATE TABLE socios (id INTEGER PRIMARY KEY, nombre TEXT NOT NULL UNIQUE, edad INTEGER,
    cuota BIGINT NOT NULL, activo BOOLEAN NOT NULL DEFAULT 1 CHECK (activo IN (0, 1)),
    alta DATE, nota TEXT);
CREATE TABLE pagos (recibo TEXT, linea INTEGER, socio_id INTEGER REFERENCES socios (id),
    importe DECIMAL(6,2) DEFAULT 0, PRIMARY KEY (recibo, linea)) WITHOUT ROWID;
CREATE TABLE avisos (clave TEXT PRIMARY KEY, texto TEXT CHECK (texto <> ''), visto INTEGER);
CREATE INDEX idx_nota ON socios (nota);
INSERT INTO socios VALUES (1, 'uno', 7, 10, 1, '2024-01-01', 'a'), (2, 'dos', 8, 20, 0, NULL, NULL);
INSERT INTO pagos VALUES ('r1', 1, 1, 1.5), ('r1', 2, 2, 2);
INSERT INTO avisos VALUES ('a', 'b', 1);
"""
CONFIGURATION = """
[app]
name = "club"
[source]
database = "club.db"
[rehearsal]
postgres = "embedded"
"""
SECRET = "valor-que-nadie-lee"
AGAIN = "; -- open it again\n"  # SQLite sees a schema that was written by hand when it is opened
UNLOCKED = """PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql =
    replace(sql, 'cuota BIGINT NOT NULL', 'cuota BIGINT') WHERE name = 'socios'"""
LOCKED = """PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql =
    replace(sql, 'cuota BIGINT', 'cuota BIGINT NOT NULL') WHERE name = 'socios'"""
# What one more row does to a plan that is free, and the code of the finding under a lock.
NEW_ROWS = {
    "text_in_integer": (
        f"INSERT INTO socios VALUES (3, 'x', '{SECRET}', 1, 1, NULL, 'n')",
        "unfit_values",
    ),
    "text_in_required_integer": (
        f"INSERT INTO socios VALUES (3, 'x', 1, '{SECRET}', 1, NULL, 'n')",
        "unfit_values",
    ),
    "real_in_bigint": ("INSERT INTO socios VALUES (3, 'x', 1, 9.25, 1, NULL, 'n')", "unfit_values"),
    "two_in_boolean": (
        "PRAGMA ignore_check_constraints = 1; INSERT INTO socios VALUES (3, 'x', 1, 1, 2, NULL, 'n')",
        "unfit_values",
    ),
    "time_in_date": (
        "INSERT INTO socios VALUES (3, 'x', 1, 1, 1, '2024-01-01 10:00:00', 'n')",
        "unfit_values",
    ),
    "number_in_date": ("UPDATE socios SET alta = 1704067200", "unfit_values"),
    "more_digits": ("INSERT INTO pagos VALUES ('r2', 1, 1, 12345.678)", "unfit_values"),
    "null_in_not_null": (
        f"{UNLOCKED}{AGAIN}INSERT INTO socios VALUES (3, 'x', 1, NULL, 1, NULL, 'n'){AGAIN}{LOCKED}",
        "null_in_not_null",
    ),
    "null_in_key": ("INSERT INTO avisos VALUES (NULL, 'c', 1)", "null_in_primary_key"),
    "orphan": ("INSERT INTO pagos VALUES ('r2', 1, 99, 1)", "orphans"),
    "violated": (
        "PRAGMA ignore_check_constraints = 1; INSERT INTO avisos VALUES ('z', '', 1)",
        "check_violated",
    ),
    "too_large": (
        "INSERT INTO socios VALUES (3, 'x', 1, 1, 1, NULL, hex(randomblob(9000)))",
        "index_row_too_large",
    ),
}


def execute(path, sql):
    """Change a database."""
    for part in sql.split(AGAIN):
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(part)


@pytest.fixture
def project(tmp_path):
    """A configured project with a database."""
    execute(tmp_path / "club.db", SCHEMA)
    (tmp_path / "deploy.toml").write_text(CONFIGURATION)
    return tmp_path


def run(folder, *arguments):
    """Type a command of ours."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest_deploy", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


def rehearse(folder, *options):
    """Type the rehearsal, and read its report."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "--pyargs", "pytest_deploy.suites"),
            *("-m", "predeploy", "-p", "no:cacheprovider", *options),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    text = (folder / ".deploy/latest/report.json").read_text()
    assert SECRET not in done.stdout + done.stderr + text
    return done.returncode, json.loads(text), done.stdout


def plan_under_lock(folder, *, accept=False):
    """Plan as a rehearsal does; give what the plan in force would freeze, and what it found."""
    settings = load(folder / "deploy.toml")
    with planned(Asked(settings, settings.schema_lock, None, accept)) as frozen:
        return lock_of(frozen.prepared.plan), frozen


def test_a_lock_is_written_once_and_is_the_same_for_the_same_data(project):
    """Written, current, checked, and read back to the same text."""
    code, said, _ = run(project, "schema", "lock")
    assert code == 0
    assert re.search(r"schema\.lock: written, \d+ objects, 0 of them remedies", said)
    text = (project / "schema.lock").read_text()
    assert lock_text(parse_lock(text)) == text
    execute(project / "club.db", "INSERT INTO socios VALUES (9, 'n', 1, 1, 1, NULL, 'n'); VACUUM")
    code, said, _ = run(project, "schema", "lock")
    assert (code, "is current" in said) == (0, True)
    assert (project / "schema.lock").read_text() == text
    assert run(project, "schema", "lock", "--check")[0] == 0
    assert not re.search(r"uno|dos|r1", text)


def test_a_check_names_every_difference_and_the_command_that_renews(project):
    """Like `uv lock --check`: exit code 1, four parts on stderr."""
    run(project, "schema", "lock")
    execute(
        project / "club.db",
        f"INSERT INTO socios VALUES (3, '{SECRET}', 1, 1.5, 1, NULL, NULL);"
        " ALTER TABLE avisos ADD COLUMN nueva TEXT; DROP INDEX idx_nota",
    )
    code, _, error = run(project, "schema", "lock", "--check")
    assert code == 1
    lines = error.splitlines()
    assert lines[0].endswith("schema.lock: 3 differences"), error
    assert (
        '  column avisos.nueva: the lock says nothing, the source now gives { type = "text" }'
        in lines
    )
    assert (
        '  column socios.cuota: the lock says type = "bigint", the source now gives type = "numeric"'
        in lines
    )
    assert any(line.startswith("  index socios.idx_nota: the lock says {") for line in lines)
    assert "python -m pytest_deploy schema lock" in lines[-1]
    assert SECRET not in error
    assert run(project, "schema", "lock")[0] == 0
    assert run(project, "schema", "lock", "--check")[0] == 0


@pytest.mark.parametrize("name", NEW_ROWS)
def test_a_new_row_changes_no_schema_under_a_lock(project, name):
    """Types, NOT NULL, keys, indexes and checks stay; what does not fit is a blocker."""
    assert run(project, "schema", "lock")[0] == 0
    before = parse_lock((project / "schema.lock").read_text())
    statement, code = NEW_ROWS[name]
    execute(project / "club.db", statement)
    for accept in (False, True):
        now, frozen = plan_under_lock(project, accept=accept)
        assert now.tables == before.tables
        open_ones = {f.code for f in frozen.prepared.plan.findings if f.blocks}
        assert open_ones == ({code} if frozen.differences or not accept else set())


@pytest.mark.parametrize("name", NEW_ROWS)
def test_a_rehearsal_with_a_new_row_goes_on_to_its_end(project, name):
    """The gates that judge are red; the others are proven on the locked schema all the same."""
    run(project, "schema", "lock")
    execute(project / "club.db", NEW_ROWS[name][0])
    code, report, output = rehearse(project, "--accept-remedies")
    red = {gate["name"] for gate in report["gates"] if gate["state"] != "green"}
    open_blockers = {"blockers_in_the_source_are_settled", "risk_is_bounded"}
    assert red - open_blockers == {"schema_lock_is_current"}, output
    assert red & open_blockers in (set(), open_blockers), output
    assert (code, report["verdict"]) == (1, "red")
    for table in report["tables"]:
        assert table["rows_source"] == table["rows_target"] + table["rows_quarantined"]


def test_a_lock_made_of_dirty_data_holds_when_they_are_clean(project):
    """What was relaxed stays relaxed: the schema does not follow the rows back either."""
    for statement, _ in NEW_ROWS.values():
        execute(project / "club.db", re.sub(r"INSERT INTO", "INSERT OR IGNORE INTO", statement))
    assert run(project, "schema", "lock", "--accept-remedies")[0] == 0
    text = (project / "schema.lock").read_text()
    assert SECRET not in text
    assert run(project, "schema", "lock", "--check")[0] == 0
    (project / "club.db").unlink()
    execute(project / "club.db", SCHEMA)
    now, frozen = plan_under_lock(project)
    assert frozen.differences
    assert now.tables == parse_lock(text).tables


def test_a_lock_keeps_what_was_settled(project):
    """A remedy accepted once and reviewed in the lock needs no option again."""
    execute(project / "club.db", "INSERT INTO pagos VALUES ('r2', 1, 99, 1)")
    code, _, error = run(project, "schema", "lock")
    assert code == 1
    assert "orphans pagos.socio_id" in error
    assert "configured in" in error
    assert run(project, "schema", "lock", "--accept-remedies")[0] == 0
    assert '"pagos.socio_id" = "null"' in (project / "schema.lock").read_text()
    code, report, output = rehearse(project)
    assert code == 0, output
    settled = [f["settled_by"] for f in report["findings"] if f["severity"] == "blocker"]
    assert settled == ["null (schema.lock)"]


def test_a_remedy_that_is_not_needed_any_longer_does_no_harm(project):
    """A live app mends its rows: the schema is the same, so nobody has to act."""
    orphan = "INSERT INTO pagos VALUES ('r2', 1, 99, 1)"
    execute(project / "club.db", orphan)
    run(project, "schema", "lock", "--accept-remedies")
    execute(project / "club.db", "DELETE FROM pagos WHERE socio_id = 99")
    assert run(project, "schema", "lock", "--check")[0] == 0
    code, report, output = rehearse(project)
    assert code == 0, output
    gates = {gate["name"]: gate["measured"] for gate in report["gates"]}
    assert gates["schema_lock_is_current"]["remedies_not_needed"] == 1
    execute(project / "club.db", orphan)
    assert rehearse(project)[0] == 0


def test_a_stale_lock_closes_its_gate_with_the_list(project):
    """What the lock says, what the source gives, and how to renew it."""
    run(project, "schema", "lock")
    execute(project / "club.db", "ALTER TABLE avisos ADD COLUMN nueva TEXT")
    code, report, output = rehearse(project)
    assert code == 1
    gates = {gate["name"]: gate for gate in report["gates"]}
    assert [n for n, gate in gates.items() if gate["state"] != "green"] == [
        "schema_lock_is_current"
    ]
    assert "column avisos.nueva: the lock says nothing" in output
    assert "python -m pytest_deploy schema lock" in output


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("format = 2\nschema = 'public'\n", "expected a lock of format 1"),
        ("format = 1\nschema = 'public'\n[tables.socios]\nnobody = 1\n", "nobody"),
        ("no toml", "expected TOML"),
        ("format = 1\nschema = 'public'\n[tables.otra]\n", "another database"),
    ],
)
def test_a_lock_that_is_none_closes_the_gate(project, text, problem):
    """Unreadable, of another format, of another database."""
    (project / "schema.lock").write_text(text)
    code, _, error = run(project, "schema", "lock", "--check")
    assert code == 1
    assert problem in error
    code, report, output = rehearse(project)
    red = [gate["name"] for gate in report["gates"] if gate["state"] != "green"]
    assert (code, red) == (1, ["schema_lock_is_current"]), output
    assert problem in output


def test_another_database_has_no_lock_unless_one_is_named(project, tmp_path_factory):
    """--source stands for a database that the lock beside deploy.toml was not made of."""
    run(project, "schema", "lock")
    other = tmp_path_factory.mktemp("other") / "other.db"
    execute(other, "CREATE TABLE t (a INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)")
    assert rehearse(project, f"--source={other}")[0] == 0
    code, report, _ = rehearse(project, f"--source={other}", "--schema-lock", "schema.lock")
    assert (code, report["verdict"]) == (1, "red")
    code, _, error = run(project, "schema", "lock", "--source", str(other))
    assert (code, "--schema-lock FILE" in error) == (1, True)
    place = ("--source", str(other), "--schema-lock", "other.lock")
    assert run(project, "schema", "lock", *place)[0] == 0
    assert run(project, "schema", "lock", "--check", *place)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        (("schema",), 2, "required: WHAT"),
        (("schema", "lock", "--deploy-config", "nada.toml"), 1, "cannot be read"),
        (("schema", "lock", "--source", "nada.db", "--schema-lock", "x"), 1, "seen no file"),
        (("schema", "lock", "--postgres", "mysql://x"), 1, "--postgres"),
        (("schema", "lock", "--schema-lock", "deploy.toml/x"), 1, "can be written"),
        (("schema", "lock", "--check"), 1, "seen no file"),
        (("schema", "migration", "--name", "a/b"), 2, "expected"),
        (("schema", "migration", "--timestamp", "2026"), 2, "expected"),
        (("schema", "migration", "--output", "deploy.toml/x"), 1, "can be written"),
    ],
)
def test_a_command_that_cannot_be_done_says_why(project, arguments, code, problem):
    """Exit code 1 with four parts, or 2 with the usage; nothing is written."""
    before = sorted(path.name for path in project.iterdir())
    seen, _, error = run(project, *arguments)
    assert (seen, problem in error) == (code, True), error
    assert code == 2 or "\n  configured in " in error
    assert sorted(path.name for path in project.iterdir()) == before


def test_without_configuration_it_says_so(tmp_path):
    """Neither deploy.toml nor --source."""
    code, _, error = run(tmp_path, "schema", "lock")
    assert (code, "seen neither" in error) == (1, True)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stopped_command_leaves_nothing(project, temporary, number, code):
    """The server and the snapshot go with it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest_deploy", "schema", "lock"],
        cwd=project,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 30
    while not list(temporary.glob("pytest-deploy-*/2*/*/postmaster.pid")):
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)
    process.send_signal(number)
    _, error = process.communicate(timeout=30)
    assert process.returncode == code, error
    assert "Traceback" not in error
    assert list(temporary.glob("pytest-deploy-*/2*")) == []
    assert not (project / "schema.lock").exists()
