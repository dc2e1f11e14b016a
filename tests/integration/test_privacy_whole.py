"""A database full of people fails in every way, as loudly as can be: nobody of them is told of."""

import base64
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

PEOPLE = (
    ("Begoña Etxeberría Ruiz", "begona.etxeberria@familia.example", "+34 600 123 987"),
    ("Iker Goikoetxea Sanz", "iker.goikoetxea@familia.example", "+34 611 222 333"),
    ("Zuriñe Landaburu Paz", "zurine.landaburu@familia.example", "+34 622 777 111"),
)
SECRET = "s3creto-de-la-base"
MARKERS = (*(value for person in PEOPLE for value in person), SECRET)
SCHEMA = """
CREATE TABLE usuarios (id INTEGER PRIMARY KEY, nombre TEXT NOT NULL, email TEXT UNIQUE,
    telefono TEXT, edad INTEGER CHECK (edad > 0), alta DATETIME, activo BOOLEAN DEFAULT 1);
CREATE TABLE contactos (email TEXT PRIMARY KEY, nombre TEXT NOT NULL, foto BLOB);
CREATE TABLE mensajes (id INTEGER PRIMARY KEY, autor TEXT REFERENCES usuarios (email),
    para TEXT REFERENCES contactos (email), texto TEXT CHECK (length(texto) > 3));
CREATE TABLE sueltos (nombre TEXT, telefono TEXT);
CREATE INDEX idx_texto ON mensajes (texto);
CREATE VIEW v_activos AS SELECT nombre, email FROM usuarios WHERE activo = 1;
CREATE TRIGGER trg_alta AFTER INSERT ON usuarios WHEN NEW.nombre = '' BEGIN
    SELECT RAISE(ABORT, 'nombre vacio');
END;
"""
CONFIGURATION = """
[app]
name = "ejemplo"
[source]
database = "app.db"
[behaviour]
queries = "queries.sql"
"""
QUERIES = f"""
-- name: of one person
-- args: {{"email": "{PEOPLE[0][1]}"}}
SELECT nombre FROM usuarios WHERE email = :email;

-- name: a cast
-- args: {{"email": "{PEOPLE[0][1]}"}}
-- postgres: SELECT nombre, CAST(%(email)s AS integer) FROM usuarios
SELECT nombre, CAST(:email AS INTEGER) FROM usuarios;
"""
OWN_SUITE = """
import logging
import pytest
import sqlalchemy
from pytest_deploy.gates.verdict import Verdict

@pytest.fixture(scope="session")
def rows(target, rows_copied):
    engine = sqlalchemy.create_engine("sqlite://", echo="debug")
    with target.connect() as connection:
        people = connection.execute("SELECT id, nombre, email, telefono FROM usuarios").fetchall()
    with engine.begin() as own:
        own.execute(sqlalchemy.text("CREATE TABLE t (a, b, c, d)"))
        for person in people:
            values = dict(zip("abcd", person))
            own.execute(sqlalchemy.text("INSERT INTO t VALUES (:a, :b, :c, :d)"), values)
        own.execute(sqlalchemy.text("SELECT * FROM t")).fetchall()
    print(people)
    logging.getLogger("psycopg").warning("seen %s", people)
    yield people

def test_rows_are_as_somebody_thinks(gate, rows):
    first = rows[0]
    assert rows == [(1, "nadie", "", "")], f"seen {first}"

def test_postgres_quotes(gate, target, rows):
    with target.connect() as connection:
        connection.execute("INSERT INTO usuarios (id, nombre, email) SELECT 99, nombre, email"
                           " FROM usuarios WHERE id = 1")
        connection.execute("SELECT email::integer FROM usuarios")

def test_driver_quotes(gate, rows):
    engine = sqlalchemy.create_engine("sqlite://")
    with engine.begin() as own:
        own.execute(sqlalchemy.text("SELECT * FROM nada WHERE x = :x"), dict(x=rows[0][1]))
"""
QUOTING = (
    "CREATE FUNCTION public.quotes() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN RAISE EXCEPTION 'not %%', NEW USING DETAIL = NEW::text, HINT = NEW::text; END $$"
).replace("%%", "%")
ON_USERS = "BEFORE INSERT OR UPDATE ON usuarios FOR EACH ROW EXECUTE FUNCTION public.quotes()"
DEFECTS = {
    "none, nothing settled": (),
    "none": (),
    "copying is refused": (
        ("schema_created", f"{QUOTING}; CREATE TRIGGER q {ON_USERS}"),
    ),
    "texts do not fit": (("schema_created", "ALTER TABLE usuarios ALTER nombre TYPE varchar(3)"),),
    "cells differ": (
        ("rows_copied", "UPDATE usuarios SET nombre = email, telefono = nombre"),
        ("rows_copied", "UPDATE contactos SET nombre = coalesce(email, ''), foto = NULL"),
        ("rows_copied", "UPDATE sueltos SET nombre = telefono"),
        ("rows_copied", "DELETE FROM mensajes WHERE id = 1; DELETE FROM sueltos WHERE telefono LIKE '%222 333'"),
    ),
    "keys are there twice": (
        ("rows_copied", "INSERT INTO usuarios SELECT * FROM usuarios; INSERT INTO contactos SELECT * FROM contactos"),
        ("rows_copied", "UPDATE mensajes SET texto = 'x', para = 'nadie'; UPDATE usuarios SET edad = -1"),
    ),
    "behaviour differs": (
        ("programs_created", f"{QUOTING}; CREATE TRIGGER q {ON_USERS}"),
        ("programs_created", "CREATE OR REPLACE VIEW v_activos AS SELECT nombre, email FROM usuarios WHERE id > 1"),
        ("programs_created", "ALTER TABLE mensajes DROP CONSTRAINT mensajes_autor_fkey"),
        ("programs_created", "DELETE FROM deploy.quarantine"),
    ),
    "sequences and quarantine": (
        ("sequences_set", "SELECT setval(pg_get_serial_sequence('usuarios', 'id'), 1, false)"),
        ("rows_copied", "UPDATE deploy.quarantine SET value = 'x'"),
    ),
    "the way back fails": (
        ("programs_created", "DROP SCHEMA public CASCADE"),
    ),
}  # fmt: skip
CAUGHT_BY = {
    "none, nothing settled": {"blockers_in_the_source_are_settled"},
    "none": {"rows_are_as_somebody_thinks", "postgres_quotes", "driver_quotes"},
    "copying is refused": {"quarantine_is_whole"},
    "texts do not fit": {"quarantine_is_whole"},
    "cells differ": {"every_cell_matches", "row_counts_agree"},
    "keys are there twice": {"every_cell_matches", "row_counts_agree"},
    "behaviour differs": {"writes_behave_alike", "queries_come_to_the_same", "schema_is_complete"},
    "sequences and quarantine": {"next_inserts_work", "quarantine_is_whole"},
    "the way back fails": {"schema_is_complete"},
}
DRIVER = """
import sys
import pytest
sys.path.insert(0, {folder!r})
from planted import Planted
sys.exit(pytest.main({arguments!r}, plugins=[Planted(*one) for one in {defects!r}]))
"""
LOUD = ("-vv", "--showlocals", "-rA", "--tb=long", "-s", "--log-cli-level=DEBUG")


def make_app(folder):
    """An app whose data has everything that Postgres refuses."""
    connection = sqlite3.connect(folder / "app.db")
    connection.executescript(SCHEMA)
    connection.execute("PRAGMA ignore_check_constraints = ON")
    for number, (name, email, phone) in enumerate(PEOPLE, 1):
        row = (number, name, email, phone, 10, f"2026-0{number}-01 10:00:00", 1)
        connection.execute("INSERT INTO usuarios VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        connection.execute("INSERT INTO contactos VALUES (?, ?, ?)", (email, name, phone.encode()))
        text = f"{name} {phone} " + "".join(os.urandom(2000).hex())
        message = (number, email, email, text if number == 1 else f"para {name}")
        connection.execute("INSERT INTO mensajes VALUES (?, ?, ?, ?)", message)
        connection.execute("INSERT INTO sueltos VALUES (?, ?)", (name, phone))
    name, email, phone = PEOPLE[0]
    connection.execute(
        "INSERT INTO usuarios VALUES (7, ?, 'a@x', ?, ?, ?, ?)", (name, phone, name, name, email)
    )
    connection.execute(
        "INSERT INTO usuarios VALUES (8, ?, 'b@x', ?, -4, ?, 2)", (name, phone, phone)
    )
    connection.execute(
        "INSERT INTO usuarios VALUES (9, ?, 'c@x', ?, 4, NULL, 1)", (name + "\0" + email, phone)
    )
    connection.execute("INSERT INTO mensajes VALUES (8, ?, ?, ?)", (f"nadie {email}", phone, email))
    connection.execute("INSERT INTO mensajes VALUES (9, ?, ?, 'x')", (email, email))
    connection.execute("INSERT INTO contactos VALUES (NULL, ?, ?)", (name, email))
    connection.commit()
    connection.close()
    (folder / "deploy.toml").write_text(CONFIGURATION)
    (folder / "queries.sql").write_text(QUERIES)
    own = folder / "ops/suites/predeploy/test_own.py"
    own.parent.mkdir(parents=True)
    own.write_text(OWN_SUITE)


def rehearse(folder, defects, *options):
    arguments = [
        *("--pyargs", "pytest_deploy.suites", "ops/suites", "-m", "predeploy"),
        *("-p", "no:cacheprovider", "--postgres=embedded", "--junitxml=junit.xml", *options),
    ]
    environment = {
        **os.environ,
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        "PRODUCTION_DATABASE_URL": f"postgresql://u:{SECRET}@h/d",
        "GX_ANALYTICS_ENABLED": "false",
    }
    here = str(Path(__file__).parent)
    code = DRIVER.format(folder=here, defects=defects, arguments=arguments)
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=environment,
        capture_output=True,
        check=False,
    )


def forms(marker):
    """The ways in which a value may be written."""
    raw = marker.encode()
    yield from (
        raw,
        raw.hex().encode(),
        base64.b64encode(raw)[:-4],
        json.dumps(marker)[1:-1].encode(),
    )
    yield ascii(marker)[1:-1].encode()


@pytest.mark.parametrize("name", DEFECTS)
def test_nobody_is_told_of(tmp_path, name):
    """Whatever fails: by no file of the evidence, no output, no summary."""
    tmp_path.chmod(0o755)
    make_app(tmp_path)
    accepted = () if name == "none, nothing settled" else ("--accept-remedies",)
    done = rehearse(tmp_path, DEFECTS[name], *LOUD, *accepted)
    report = json.loads((tmp_path / ".deploy/latest/report.json").read_text())
    red = {gate["name"] for gate in report["gates"] if gate["state"] == "red"}
    assert report["verdict"] == "red", done.stdout.decode()
    assert red >= CAUGHT_BY[name], report["gates"]
    assert leaks(tmp_path, done) == []


def test_nobody_is_told_of_where_all_is_well(tmp_path):
    """The seal and what it rests on among the rest."""
    tmp_path.chmod(0o755)
    make_app(tmp_path)
    (tmp_path / "ops/suites/predeploy/test_own.py").write_text("")
    (tmp_path / "queries.sql").write_text(QUERIES.partition("-- name: a cast")[0])
    done = rehearse(tmp_path, (), *LOUD, "--accept-remedies")
    report = json.loads((tmp_path / ".deploy/latest/report.json").read_text())
    assert (report["verdict"], report["seal"]["sealed"]) == ("green", True), done.stdout.decode()
    assert leaks(tmp_path, done) == []


def leaks(folder, done):
    """Give the surroundings of every marker in what a run left behind."""
    kept = [path for path in (folder / ".deploy").rglob("*") if path.is_file()]
    assert {"report.json", "report.html", "history.sqlite"} <= {path.name for path in kept}
    told = {str(path): path.read_bytes() for path in kept}
    told |= {f"own {name}": (folder / name).read_bytes() for name in ("junit.xml", "summary.md")}
    told |= {"stdout": done.stdout, "stderr": done.stderr}
    return [
        (where, _around(text, form))
        for where, text in told.items()
        for marker in MARKERS
        for form in forms(marker)
        if form in text
    ]


def _around(text, form):
    place = text.find(form)
    return text[max(place - 300, 0) : place + 100].decode(errors="replace")


def test_the_test_would_see_it(tmp_path):
    """A marker in any form is found."""
    for marker in MARKERS:
        assert any(form in f"x {marker} y".encode() for form in forms(marker))
        assert any(form in f"x {marker} y".encode().hex().encode() for form in forms(marker))
