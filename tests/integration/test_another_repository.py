"""Another repository, with another app, installs the wheel and rehearses its own deployment."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCHEMA = """
CREATE TABLE socios (id INTEGER PRIMARY KEY, nombre TEXT NOT NULL, correo TEXT UNIQUE COLLATE NOCASE);
CREATE TABLE libros (isbn TEXT PRIMARY KEY, titulo TEXT NOT NULL, paginas INTEGER CHECK (paginas > 0));
CREATE TABLE prestamos (id INTEGER PRIMARY KEY, socio_id INTEGER NOT NULL REFERENCES socios (id),
    isbn TEXT NOT NULL REFERENCES libros (isbn), desde DATE NOT NULL, devuelto BOOLEAN NOT NULL DEFAULT 0);
CREATE INDEX idx_prestamos_socio ON prestamos (socio_id) WHERE devuelto = 0;
CREATE VIEW v_fuera AS SELECT l.titulo, p.desde FROM prestamos p JOIN libros l USING (isbn)
    WHERE p.devuelto = 0;
"""
CONFIGURATION = """
[app]
name = "biblioteca"
[source]
database = "datos/biblioteca.db"
[privacy]
personal = ["socios.nombre", "socios.correo"]
[behaviour]
queries = "ops/queries.sql"
[gates.expectations]
folder = "ops/expectations"
[gates.load]
folder = "ops/journeys"
users = 4
spawn_rate_per_s = 20.0
seconds = 2.0
p50_ms = 500.0
p95_ms = 2000.0
p99_ms = 5000.0
error_ratio = 0.0
least_rate_per_s = 1.0
least_samples = 10
worst_degradation = 100.0
"""
QUERIES = """
-- name: what a member has
-- args: {"socio": 1}
SELECT isbn FROM prestamos WHERE socio_id = :socio AND devuelto = 0 ORDER BY isbn;
"""
EXPECTATIONS = {
    "name": "libros",
    "expectations": [
        {
            "type": "expect_column_value_lengths_to_equal",
            "kwargs": {"column": "isbn", "value": 13},
            "description": "an ISBN has thirteen digits",
            "meta": {},
        }
    ],
    "meta": {"table": "libros"},
}
JOURNEY = """
    from locust import task
    from pytest_deploy.load.user import DatabaseUser

    class Reader(DatabaseUser):
        pace_s = (0.05, 0.1)

        @task
        def what_is_out(self):
            self.query("what is out", "SELECT titulo FROM v_fuera LIMIT 20")
"""
SUITE = """
    from pytest_deploy.gates.verdict import Verdict

    def test_every_loan_has_a_book_with_pages(gate, prepared, rows_copied):
        statement = ("SELECT count(*), count(*) FILTER (WHERE l.paginas IS NULL)"
                     " FROM prestamos p JOIN libros l USING (isbn)")
        with prepared.transfer.target.connect() as connection:
            loans, wrong = connection.execute(statement).fetchone()
        problems = (f"{wrong} loans of books without pages",) if wrong else ()
        gate.judge(Verdict(loans, "loans", problems))
"""


@pytest.fixture
def repository(tmp_path):
    """An app of its own, with its configuration, rules, journey, statements and suite."""
    folder = tmp_path / "biblioteca"
    for path, text in {
        "deploy.toml": CONFIGURATION,
        "ops/queries.sql": QUERIES,
        "ops/expectations/libros.json": json.dumps(EXPECTATIONS),
        "ops/journeys/lectores.py": JOURNEY,
        "ops/suites/predeploy/test_own.py": SUITE,
        ".gitignore": "datos/\n.deploy/\n__pycache__/\n",
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(textwrap.dedent(text))
    (folder / "datos").mkdir()
    connection = sqlite3.connect(folder / "datos/biblioteca.db")
    connection.executescript(SCHEMA)
    members = [(n, f"Nombre {n}", f"socio{n}@example.org") for n in range(1, 31)]
    books = [(f"97884{n:08d}", f"Libro {n}", 100 + n) for n in range(60)]
    loans = [
        (1 + n % 30, books[n % 60][0], f"2026-10-{1 + n % 28:02d}", n % 3 == 0) for n in range(90)
    ]
    connection.executemany("INSERT INTO socios VALUES (?, ?, ?)", members)
    connection.executemany("INSERT INTO libros VALUES (?, ?, ?)", books)
    insert = "INSERT INTO prestamos (socio_id, isbn, desde, devuelto) VALUES (?, ?, ?, ?)"
    connection.executemany(insert, loans)
    connection.commit()
    connection.close()
    return folder


@pytest.fixture
def installed(tmp_path):
    """A new virtual environment with the wheel and what it depends on, and nothing else."""
    source = tmp_path / "checkout"
    listed = ("git", "ls-files", "--cached", "--others", "--exclude-standard")
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(lambda name: (ROOT / name).is_file(), names.splitlines()):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, source / name)
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = environment / "bin/python"
    pip = [python, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", tmp_path / "dist", source], check=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    subprocess.run([*pip, "install", wheel], check=True)
    return python


@pytest.mark.skipif(not os.environ.get("CI"), reason="needs a package index; CI=true runs it")
def test_another_repository_rehearses_its_own_app(installed, repository):
    """Its rules, its load, its statements and its own gate, beside those of the package."""
    command = [installed, "-m", "pytest", "--pyargs", "pytest_deploy.suites", "ops/suites"]
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [*command, "-m", "predeploy", "--postgres=embedded"],
        cwd=repository,
        env=own,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((repository / ".deploy/latest/report.json").read_text())
    assert (report["app"], report["verdict"]) == ("biblioteca", "green")
    gates = {gate["name"]: gate for gate in report["gates"]}
    assert gates["every_loan_has_a_book_with_pages"]["examined"] == 90
    assert [check["name"] for check in gates["expectations_hold"]["checks"]]
    assert report["load"]["journeys"][0]["journey"] == "lectores"
    assert report["seal"]["sealed"]
    assert (repository / ".deploy/latest/report.html").stat().st_size > 10_000
