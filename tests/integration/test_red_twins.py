"""Every gate can go red: each known defect is planted, the real suite runs, and its gate says no."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pytest

from pytest_deploy import suites
from pytest_deploy.cli.planning import Asked, planned
from pytest_deploy.config import load
from pytest_deploy.gates.required import required_gates
from pytest_deploy.schema.migration import migration_text
from pytest_deploy.twins.catalogue import CATALOGUE

README = Path(__file__).parents[2] / "README.md"
PATIENCE_S = 3_000
MARKER = "s3creto-que-no-sale"
# Of a password that nobody has to know.
HASH = "$2b$04$abcdefghijklmnopqrstuuEZ4g0l0fbbbt8lqXDD1l0zOQKjAVbjS"
# Nine rows with a place for every defect; one cell goes into quarantine, one view is broken.
SCHEMA = f"""
CREATE TABLE padres (id INTEGER PRIMARY KEY AUTOINCREMENT, nombre TEXT NOT NULL UNIQUE,
    activo BOOLEAN NOT NULL DEFAULT 1, correo TEXT, clave TEXT, carta TEXT);
CREATE TABLE hijos (id INTEGER PRIMARY KEY, padre_id INTEGER REFERENCES padres (id),
    nota TEXT, peso REAL CHECK (peso > 0), edad INTEGER, nacido DATE, visto DATETIME, foto BLOB);
CREATE INDEX idx_hijos_padre ON hijos (padre_id);
CREATE VIEW v_padres AS SELECT nombre FROM padres;
CREATE VIEW v_rota AS SELECT no_existe FROM padres;
CREATE TABLE avisos (id INTEGER PRIMARY KEY, texto TEXT);
CREATE TRIGGER trg_hijos AFTER INSERT ON hijos BEGIN
    INSERT INTO avisos (texto) VALUES ('nuevo ' || NEW.id);
END;
INSERT INTO padres VALUES
    (1, 'uno', 1, 'Uno@padres.example', '{HASH}', '<a href="/uploads/carta.txt">c</a>
        <a href="/uploads/dibujos/uno.txt">d</a>'),
    (2, 'dos', 0, 'dos@padres.example', '{HASH}', NULL),
    (3, 'niño', 1, 'tres@padres.example', '{HASH}', NULL);
INSERT INTO hijos VALUES
    (1, 1, '{MARKER}', 1.5, 7, '2020-02-29', '2026-03-29 01:30:00', x'00ff00'),
    (2, 2, x'00ff', 2.5, 8, NULL, NULL, NULL), (3, NULL, '', 0.1, NULL, NULL, NULL, NULL);
"""
CONFIGURATION = """
[app]
name = "familias"
[source]
database = "source.db"
uploads = "uploads"
[schema.columns."hijos.nota"]
unfit = "quarantine"
[behaviour]
queries = "queries.sql"
[backup]
recipients = ["age1t993xqkutt4cs5cvp6yhg8vgxt57qe5nxht4rawwfe8dl6324vuq49zs4p"]
[release]
migration = "20260101000000_schema.sql"
[access]
policies = "policies.sql"
anon = ["avisos", "hijos"]
hidden = ["hijos.peso", "padres.clave"]
[access.authenticated]
padres = ["select"]
[users]
table = "padres"
email = "correo"
password_hash = "clave"
own = { padres = "auth_user_id" }
[files]
texts = ["padres.carta"]
[files.buckets.dibujos]
paths = ["dibujos/*"]
members = true
[files.buckets.cartas]
[configuration]
target = "app.env"
[configuration.switch]
MODO = "supabase"
"""
POLICIES = """
CREATE POLICY todos ON hijos FOR SELECT TO anon USING (true AND true);
CREATE POLICY propia ON padres FOR SELECT TO authenticated
    USING (auth_user_id = (SELECT auth.uid()));
CREATE POLICY dibujos ON storage.objects FOR SELECT TO authenticated
    USING (bucket_id = 'dibujos');
"""
LOAD = """
[gates.load]
users = 6
spawn_rate_per_s = 60.0
seconds = 3.0
p99_ms = 2000.0
least_rate_per_s = 5.0
least_samples = 60
worst_degradation = 3.0
spare_ms = 60.0
"""
OVER_HTTP = """
from locust import task
from pytest_deploy.load.http import SupabaseUser

class Visitor(SupabaseUser):
    pace_s = 0.15

    @task
    def children(self):
        self.rest("children", "GET", "/rest/v1/hijos", params={"select": "id"})
"""
RULES = {
    "padres": {
        "expectations": [
            {
                "type": "expect_column_values_to_be_in_set",
                "kwargs": {"column": "nombre", "value_set": ["uno", "dos", "niño"]},
            }
        ],
        "meta": {"volume": {"least": 1, "most": 1}},
    },
    "hijos": {
        "expectations": [
            {
                "type": "unexpected_rows_expectation",
                "kwargs": {
                    "unexpected_rows_query": "SELECT h.id FROM {batch} AS h"
                    " JOIN padres AS p ON p.id = h.padre_id AND p.activo IS NULL"
                },
            },
            {
                "type": "expect_column_values_to_be_between",
                "kwargs": {"column": "peso", "min_value": 0},
            },
        ],
        "meta": {"volume": {"least": 1, "most": 1}},
    },
}
JOURNEY = """
from locust import task
from pytest_deploy.load.user import DatabaseUser

class Parent(DatabaseUser):
    pace_s = 0.1

    @task
    def children(self):
        self.query("children", "SELECT id, nota FROM hijos WHERE peso > %(peso)s", {"peso": 0})
"""
QUERIES = """
-- name: children of a parent
SELECT h.id, p.nombre FROM hijos h JOIN padres p ON p.id = h.padre_id ORDER BY h.id;
"""
OF_THE_PROJECT = '''
import pytest
from pytest_deploy.testing import NotApplicable, RedTwin, in_target

def nowhere(request, value):
    raise NotApplicable("no place in the source")

@pytest.fixture(scope="session")
def red_twins():
    """Defects that only this database has a place for."""
    return (
        twin("weights without a check", "ALTER TABLE hijos DROP CONSTRAINT hijos_check"),
        twin(
            "children go with their parents",
            "ALTER TABLE hijos DROP CONSTRAINT hijos_padre_id_fkey",
            "ALTER TABLE hijos ADD CONSTRAINT hijos_padre_id_fkey FOREIGN KEY (padre_id)"
            " REFERENCES padres ON DELETE CASCADE",
        ),
        twin("no notice of children", "ALTER TABLE hijos DISABLE TRIGGER trg_hijos"),
        RedTwin(
            "every_cell_matches",
            "rows_copied",
            in_target("UPDATE hijos SET peso = 1.5 + 1e-15"),
            defect="all weights the same",
        ),
        twin(
            "a rule across tables broken",
            "ALTER TABLE padres ALTER activo DROP NOT NULL",
            "UPDATE padres SET activo = NULL WHERE id = 1",
            gate="expectations_hold",
        ),
        twin(
            "what a rule speaks of gone",
            "ALTER TABLE hijos RENAME COLUMN peso TO kilos",
            gate="expectations_hold",
        ),
        twin("the table of a suite gone", "DROP TABLE hijos CASCADE", gate="expectations_hold"),
        twin(
            "too many rows",
            "INSERT INTO padres (nombre) VALUES ('cuatro')",
            gate="volumes_are_within_bounds",
        ),
    )

def twin(defect, *statements, gate="writes_behave_alike"):
    return RedTwin(gate, "programs_created", in_target(*statements), defect=defect)
'''
OWN = (
    "weights without a check",
    "children go with their parents",
    "no notice of children",
    "all weights the same",
    "a rule across tables broken",
    "what a rule speaks of gone",
    "the table of a suite gone",
    "too many rows",
)


MIGRATION: list[str] = []


def migration_of(configuration: Path) -> str:
    """Write the schema as the Supabase CLI takes it; the same for every project."""
    if not MIGRATION:
        asked = Asked(load(configuration), None, "embedded", accept=False)
        with planned(asked) as frozen:
            MIGRATION.append(migration_text(frozen.prepared.plan))
    return MIGRATION[0]


class Project:
    """A small app with a database of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with sqlite3.connect(folder / "source.db") as connection:
            connection.executescript(SCHEMA)
        connection.close()
        self.write("deploy.toml", CONFIGURATION)
        self.write("queries.sql", QUERIES)
        self.write("policies.sql", POLICIES)
        self.write("uploads/carta.txt", "Querida familia")
        self.write("uploads/dibujos/uno.txt", "Un dibujo")
        self.write("app.env", "MODO=sqlite\n")
        self.write("conftest.py", OF_THE_PROJECT)
        self.write("20260101000000_schema.sql", migration_of(folder / "deploy.toml"))

    def with_rules_and_load(self) -> None:
        for table, told in RULES.items():
            self.write(f"expectations/{table}.json", json.dumps(told))
        self.write("loadtests/browse.py", JOURNEY)
        self.write("loadtests/visit.py", OVER_HTTP)
        self.write("deploy.toml", CONFIGURATION + LOAD)

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def command(self, *arguments: str) -> list[str]:
        return [
            *(sys.executable, "-m", "pytest", "--pyargs", "pytest_deploy.suites"),
            *("-m", "predeploy", "-p", "no:cacheprovider", "--postgres", "embedded", *arguments),
        ]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )

    def report(self) -> dict:
        return json.loads((self.folder / ".deploy/latest/report.json").read_text())

    def states(self) -> dict[str, str]:
        """Give the state of each defect at its first gate."""
        told = self.report()["red_twins"]["twins"]
        return {one["defect"]: one["state"] for one in reversed(told)}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A project after the one whole run that the tests of the catalogue look at."""
    project = Project(tmp_path_factory.mktemp("whole"))
    project.with_rules_and_load()
    project.done = project.run("--red-twins", "--junitxml=junit.xml")
    assert project.done.returncode in (0, 1), project.done.stdout + project.done.stderr
    return project


@pytest.fixture
def project(tmp_path):
    """A project of its own for each test."""
    return Project(tmp_path)


def test_every_gate_has_a_red_twin():
    """A gate that cannot go red is a defect."""
    promised = {gate for twin in CATALOGUE for gate in twin.gates}
    assert promised == required_gates(Path(suites.__file__).parent, "predeploy")


def test_every_twin_has_a_name_of_its_own():
    """What is told of a defect is told by its name."""
    names = [twin.name for twin in CATALOGUE]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("defect", [*(twin.name for twin in CATALOGUE), *OWN])
def test_the_gate_catches_the_defect(whole, defect):
    """Each gate that must catch it says no, by its verdict."""
    found = [one for one in whole.report()["red_twins"]["twins"] if one["defect"] == defect]
    assert found
    for one in found:
        assert (one["state"], one["note"]) == ("caught", ""), one
        assert one["gate"] in one["caught_by"]
        assert set(one["caught_by"]) <= set(one["ran"])


def test_all_caught_is_green(whole):
    """Without a defect every gate is green; with each of them its gate is red: exit code 0."""
    report = whole.report()
    assert whole.done.returncode == 0, whole.done.stdout
    assert report["verdict"] == "green"
    assert {gate["state"] for gate in report["gates"]} == {"green"}
    assert report["red_twins"]["gates_without_twin"] == []
    assert report["red_twins"]["missed"] == 0


def test_the_report_is_as_documented(whole):
    """`schema.json` describes the score, and the reports of the runs with a defect."""
    from pytest_deploy import report

    schema = json.loads((Path(report.__file__).parent / "schema.json").read_text())
    reports = list((whole.folder / ".deploy/latest/twins").glob("*/2*/report.json"))
    assert len(reports) == len(CATALOGUE) + len(OWN)
    for path in (whole.folder / ".deploy/latest/report.json", reports[0]):
        jsonschema.validate(json.loads(path.read_text()), schema)


def test_the_table_is_read_at_a_hundred_columns(whole):
    """Gates by defects, and a legend; the whole of it on a terminal."""
    lines = whole.done.stdout.splitlines()
    begin = next(n for n, line in enumerate(lines) if line.startswith("red twins "))
    end = next(n for n, line in enumerate(lines) if line.startswith("time "))
    assert max(map(len, lines[begin:end])) <= 100
    assert any(line.split()[:2] == ["row", "dropped"] and "#" in line for line in lines)


def test_planted_defects_seal_nothing(whole):
    """Neither the run nor those with a defect leave a seal, or a key."""
    assert whole.report()["seal"]["sealed"] is False
    assert list((whole.folder / ".deploy").rglob("seal*")) == []


def test_no_value_leaves_a_run_with_a_defect(whole):
    """What changed in a row is told by its key: the marker in it occurs nowhere."""
    kept = [path for path in (whole.folder / ".deploy").rglob("*") if path.is_file()]
    texts = [path.read_bytes() for path in (*kept, whole.folder / "junit.xml")]
    assert len(texts) > len(CATALOGUE) * 3
    told = whole.done.stdout + whole.done.stderr
    assert MARKER not in told
    assert not [text for text in texts if MARKER.encode() in text]


BAD = f"""
import pytest
from pytest_deploy.testing import NotApplicable, RedTwin, in_target

def nowhere(request, value):
    raise NotApplicable("no place in the source")

def twin(defect, plant, gate="row_counts_agree", after="rows_copied"):
    return RedTwin(gate, after, plant, defect=defect)

@pytest.fixture(scope="session")
def red_twins():
    return (
        twin("no defect", in_target("SELECT 1")),
        twin("crash", in_target("SELECT '{MARKER}'::int")),
        twin("never", in_target("SELECT 1"), after="no_such_fixture"),
        twin("nowhere", nowhere),
        twin("no gate", in_target("SELECT 1"), gate="no_such_gate"),
        twin("no row", in_target("DELETE FROM hijos WHERE id = 99")),
        twin("error", in_target("DROP TABLE hijos"), after="schema_created"),
    )
"""
BAD_NAMES = ("no defect", "crash", "never", "nowhere", "no gate", "no row", "error")
NO_TUPLE = """
import pytest

@pytest.fixture(scope="session")
def red_twins():
    return ["row dropped"]
"""
GATE_WITHOUT_TWIN = """
from pytest_deploy.gates.verdict import Verdict

def test_ages_are_known(gate, rows_copied):
    gate.judge(Verdict(examined=3, unit="children"))
"""


def test_what_is_not_caught_is_missed(project):
    """A gate that stays green, a crash, a gate without a twin: exit code 1, and why."""
    project.write("conftest.py", BAD)
    project.write("ops/suites/predeploy/test_ages.py", GATE_WITHOUT_TWIN)
    chosen = [f"--red-twin={name}" for name in BAD_NAMES]
    done = project.run("ops/suites", "--red-twins", *chosen)
    assert done.returncode == 1, done.stdout + done.stderr
    report = project.report()
    assert report["verdict"] == "red"
    assert {gate["state"] for gate in report["gates"]} == {"green"}
    told = {one["defect"]: (one["state"], one["note"]) for one in report["red_twins"]["twins"]}
    assert told == {
        "no defect": ("missed", "the gate is green all the same"),
        "crash": ("missed", "planting it failed: InvalidTextRepresentation 22P02"),
        "never": ("missed", "never planted: no gate asked for the fixture no_such_fixture"),
        "nowhere": ("not applicable", "no place in the source"),
        "no gate": ("missed", "no gate of that name runs here"),
        "no row": ("not applicable", "no row is as the statements expect it"),
        "error": ("missed", "the gate was not reached: what it needs failed"),
    }
    assert report["red_twins"]["gates_without_twin"] == ["ages_are_known"]
    assert "WITHOUT A TWIN ages_are_known" in done.stdout
    assert "MISSED no defect, by row_counts_agree" in done.stdout
    assert MARKER not in done.stdout + done.stderr
    for path in (project.folder / ".deploy").rglob("*"):
        assert not path.is_file() or MARKER.encode() not in path.read_bytes(), path


def test_a_selection_of_twins_is_partial(project):
    """While one works on a twin, its run alone is enough; it is no score."""
    done = project.run("--red-twins", "--red-twin", "row dropped", "--red-twin", OWN[3])
    assert done.returncode == 0, done.stdout + done.stderr
    assert project.report()["verdict"] == "partial"
    assert project.states() == {"row dropped": "caught", OWN[3]: "caught"}


def test_one_twin_in_a_run_of_its_own(project):
    """To look at a defect closely: the rehearsal is red, says so, and seals nothing."""
    seal = project.folder / ".deploy/seal-rehearsal.json"
    project.write(".deploy/seal-rehearsal.json", "{}")
    done = project.run("--red-twin", "row dropped")
    assert done.returncode == 1, done.stdout + done.stderr
    assert project.report()["verdict"] == "red"
    assert project.states() == {"row dropped": "caught"}
    assert "red twin 'row dropped' is planted: its gate must be red" in done.stdout
    assert seal.read_text() == "{}"


def test_a_rehearsal_that_is_red_anyway_gives_no_score(project):
    """What a gate says with a defect means nothing where it says the same without."""
    project.write("deploy.toml", CONFIGURATION.replace('"quarantine"', '"fail"'))
    done = project.run("--red-twins")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "expected every gate to be green without a defect" in done.stdout
    assert project.report()["red_twins"] is None
    assert not (project.folder / ".deploy/latest/twins").exists()


@pytest.mark.parametrize(
    ("arguments", "conftest", "said"),
    [
        (("--red-twins", "-m", "nightly or predeploy"), None, "expected the phase predeploy alone"),
        (("--red-twin=no such",), None, "expected the name of a red twin"),
        (("--red-twin=a", "--red-twin=b"), None, "expected one defect in one rehearsal, seen 2"),
        (
            ("--red-twins",),
            OF_THE_PROJECT.replace("all weights the same", "row dropped"),
            "expected a name of its own for each",
        ),
        (("--red-twins",), NO_TUPLE, "expected a tuple of RedTwin, seen something else"),
    ],
)
def test_command_lines_that_are_refused(project, arguments, conftest, said):
    """Exit code 4, and what to type instead."""
    if conftest:
        project.write("conftest.py", conftest)
    project.write("suites/nightly/test_x.py", "def test_x(gate):\n    pass\n")
    done = project.run("suites", *arguments)
    assert done.returncode == 4, done.stdout + done.stderr
    assert said in done.stdout + done.stderr
    assert "INTERNALERROR" not in done.stdout + done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_in_the_middle_nothing_is_left(project, temporary, number):
    """Ctrl-C and SIGTERM stop the runs with a defect, too: no process, no server, no folder."""
    running = subprocess.Popen(
        project.command("--red-twins"),
        cwd=project.folder,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = time.monotonic() + PATIENCE_S
    while not list(project.folder.glob(".deploy/2*/twins/*/2*/journal.jsonl")):
        assert time.monotonic() < deadline
        assert running.poll() is None, running.communicate()[0]
        time.sleep(0.05)
    running.send_signal(number)
    output = running.communicate(timeout=PATIENCE_S)[0]
    assert running.returncode == {signal.SIGINT: 2, signal.SIGTERM: 143}[number], output
    assert "InterruptError: run stopped by" in output
    assert project.report()["red_twins"] is None
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    left = [line for line in listed.stdout.splitlines() if str(project.folder) in line]
    left += [line for line in listed.stdout.splitlines() if str(temporary) in line]
    assert left == []
    assert list(temporary.glob("pytest-deploy-*/2*")) == []


def test_the_readme_tells_what_is_caught():
    """Its table names each defect of the catalogue at each gate that must catch it, and no other."""
    section = README.read_text().partition("## Every gate can go red")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line[:3] == "| `"]
    told = {
        (gate.strip("`"), defect.removesuffix(" (**not applicable**)"))
        for gate, defects in rows
        for defect in defects.split(", ")
    }
    assert told == {(gate, twin.name) for twin in CATALOGUE for gate in twin.gates}


def test_the_table_is_written_from_a_report(whole):
    """`python -m pytest_deploy red-twins` writes what a run has shown."""
    command = [sys.executable, "-m", "pytest_deploy", "red-twins"]
    done = subprocess.run(command, cwd=whole.folder, capture_output=True, text=True, check=True)
    assert "| `row_counts_agree` | row dropped, row duplicated, row added |\n" in done.stdout
    none = subprocess.run(
        [*command, "no.json"], cwd=whole.folder, capture_output=True, text=True, check=False
    )
    assert none.returncode == 1
    assert "run `pytest -m predeploy --red-twins` first" in none.stderr
