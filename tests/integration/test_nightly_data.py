"""Data rules every night: on an env's own database, as a role that may only read."""

import json
import os
import re
import sqlite3
import subprocess
import sys

import pytest

from pytest_deploy.providers.postgres.databases import create_database

VARIABLE = "NIGHTLY_DATABASE_URL"
MARKER = "maria.lopez@familia.example"
PASSWORD = "s3creto-que-no-sale"
CONFIGURATION = f"""
[app]
name = "ejemplo"
[source]
database = "app.db"
[schema]
name = "La app"
[rehearsal]
postgres = "env:NOT_SET_ANYWHERE"
[env.production]
database = "env:{VARIABLE}"
"""
SUITE = {
    "name": "personas",
    "expectations": [
        {
            "type": "expect_column_values_to_be_in_set",
            "kwargs": {"column": "rol", "value_set": ["admin", "familia"]},
            "description": "the role is known",
        },
        {
            "type": "unexpected_rows_expectation",
            "kwargs": {
                "unexpected_rows_query": "SELECT p.id FROM {batch} AS p JOIN bajas USING (id)"
            },
            "description": "nobody who left is there",
        },
    ],
    "meta": {"volume": {"least": 1, "most": 2}},
}
MADE = f"""
CREATE SCHEMA "La app";
CREATE TABLE "La app".personas (id bigint PRIMARY KEY, rol text, email text);
CREATE TABLE "La app".bajas (id bigint PRIMARY KEY);
INSERT INTO "La app".personas VALUES (1, 'admin', '{MARKER}'), (2, 'familia', 'a@b');
CREATE ROLE lectora LOGIN PASSWORD '{PASSWORD}';
GRANT USAGE ON SCHEMA "La app" TO lectora;
GRANT SELECT ON ALL TABLES IN SCHEMA "La app" TO lectora;
"""


@pytest.fixture(scope="module")
def production(server):
    """A database that is there before and after, and a role that may only read it."""
    with create_database(server, "nightly") as target:
        with target.connect() as connection:
            connection.execute(MADE)
        yield target
        with target.connect() as connection:
            connection.execute("DROP OWNED BY lectora; DROP ROLE lectora")


@pytest.fixture
def app(tmp_path):
    """An app in a repository of its own, with one suite."""
    (tmp_path / "deploy.toml").write_text(CONFIGURATION)
    (tmp_path / "expectations").mkdir()
    (tmp_path / "expectations/personas.json").write_text(json.dumps(SUITE))
    connection = sqlite3.connect(tmp_path / "app.db")
    connection.executescript(
        "CREATE TABLE personas (id INTEGER PRIMARY KEY, rol TEXT, email TEXT);"
        "INSERT INTO personas VALUES (1, 'admin', 'x'), (2, 'familia', 'y');"
    )
    connection.close()
    return tmp_path


def nightly(app, target, *options, env="production", password=PASSWORD):
    """Run the phase as a person or a job does; give its code, report and output."""
    server = target.server
    url = f"postgresql://lectora:{password}@{server.host}:{server.port}/{target.database}"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "--pyargs", "pytest_deploy.suites", "-m", "nightly"),
            *("-p", "no:cacheprovider", f"--env={env}", *options),
        ],
        cwd=app,
        env={**os.environ, VARIABLE: url},
        capture_output=True,
        text=True,
        check=False,
    )
    path = app / ".deploy/latest/report.json"
    report = json.loads(path.read_text()) if path.exists() else {}
    return done.returncode, report, done.stdout + done.stderr


def state(target):
    """Everything that a run could leave: databases, tables, rows."""
    with target.connect() as connection:
        return connection.execute(
            "SELECT (SELECT array_agg(datname::text ORDER BY datname) FROM pg_database),"
            " (SELECT array_agg(relname::text ORDER BY oid) FROM pg_class WHERE oid > 16000),"
            ' (SELECT array_agg(p::text ORDER BY id) FROM "La app".personas p)'
        ).fetchall()


def gates(report):
    return {gate["name"]: gate for gate in report["gates"]}


def test_an_env_is_read_and_nothing_else(app, production):
    """Green, as a role that may only read; no database is made, and none of a rehearsal asked for."""
    before = state(production)
    code, report, output = nightly(app, production)
    assert code == 0, output
    assert (report["verdict"], report["phases"]) == ("green", ["nightly"])
    assert "deploy: target the database of env production, which is only read" in output
    checks = {check["name"]: check for check in gates(report)["expectations_hold"]["checks"]}
    assert {check["state"] for check in checks.values()} == {"holds"}
    assert "personas: the role is known" in checks
    volume = gates(report)["volumes_are_within_bounds"]["checks"][0]
    assert volume["seen"] == "2 rows, 2 in the source"
    assert report["target"].endswith("of env production")
    assert state(production) == before
    assert PASSWORD not in output


@pytest.mark.parametrize("loudness", [(), ("-vv", "--showlocals", "--junitxml=junit.xml")])
def test_a_broken_rule_names_keys_and_no_value(app, production, loudness):
    """Wherever one looks: output, report, junit, Data Docs."""
    with production.connect() as connection:
        connection.execute('UPDATE "La app".personas SET rol = email WHERE id = 1')
        connection.execute('INSERT INTO "La app".bajas VALUES (2)')
    try:
        code, report, output = nightly(app, production, *loudness)
    finally:
        with production.connect() as connection:
            connection.execute("UPDATE \"La app\".personas SET rol = 'admin' WHERE id = 1")
            connection.execute('DELETE FROM "La app".bajas')
    assert (code, report["verdict"]) == (1, "red"), output
    gate = gates(report)["expectations_hold"]
    assert gate["problems"] == [
        "personas.json, personas: the role is known: broken: 2 rows, 1 against it: id=1",
        "personas.json, personas: nobody who left is there: broken: 1 rows against it: id=2",
    ]
    assert "runbooks/expectation-fails.md" in output
    assert (app / ".deploy/latest" / gate["evidence"][0]).is_file()
    left = [
        output,
        *(
            p.read_text(errors="replace")
            for p in app.rglob("*")
            if p.suffix != ".db" and p.is_file()
        ),
    ]
    assert not [text for text in left if MARKER in text or PASSWORD in text]


def test_too_few_rows_and_a_missing_source(app, production):
    """Bounds are measured by the source as it is; without it they prove nothing."""
    connection = sqlite3.connect(app / "app.db")
    connection.execute("INSERT INTO personas VALUES (3, 'admin', 'z')")
    connection.commit()
    connection.close()
    code, report, output = nightly(app, production)
    assert (code, gates(report)["volumes_are_within_bounds"]["state"]) == (1, "red"), output
    assert "2 rows, 3 in the source" in output
    (app / "app.db").unlink()
    code, report, output = nightly(app, production)
    assert (code, report["verdict"]) == (1, "unproven"), output
    assert gates(report)["volumes_are_within_bounds"]["state"] == "unproven"


def test_another_source_does_not_take_the_rules_away(app, production):
    """What stands in the env is the app's, whatever its rows are counted beside."""
    (app / "app.db").rename(app / "copy.db")
    with production.connect() as connection:
        connection.execute('INSERT INTO "La app".bajas VALUES (2)')
    try:
        code, report, output = nightly(app, production, "--source=copy.db")
    finally:
        with production.connect() as connection:
            connection.execute('DELETE FROM "La app".bajas')
    assert code == 1, output
    assert "nobody who left is there: broken" in output
    assert gates(report)["volumes_are_within_bounds"]["checks"][0]["seen"].startswith("2 rows, 2")


def test_a_table_that_may_not_be_read_is_not_green(app, production):
    """The role lacks the right: the rule cannot be checked."""
    with production.connect() as connection:
        connection.execute('REVOKE SELECT ON "La app".bajas FROM lectora')
    try:
        code, _, output = nightly(app, production)
    finally:
        with production.connect() as connection:
            connection.execute('GRANT SELECT ON "La app".bajas TO lectora')
    assert code == 1
    assert re.search(r"nobody who left .* cannot be checked: .*InsufficientPrivilege", output)


def test_an_env_that_lets_nobody_in_is_told_in_four_parts(app, production):
    """With the place of its URL, and without the password."""
    code, report, output = nightly(app, production, password="otra-que-no-sale")
    assert (code, report["verdict"]) == (1, "red")
    assert "deploy.toml, [env.production] database" in output
    assert "otra-que-no-sale" not in output


def test_nothing_to_look_at_is_unproven(app, production):
    """A schema without tables, and an app without suites."""
    (app / "expectations/personas.json").unlink()
    (app / "expectations").rmdir()
    text = CONFIGURATION.replace("La app", "otro")
    (app / "deploy.toml").write_text(text)
    code, report, output = nightly(app, production)
    assert (code, report["verdict"]) == (1, "unproven"), output


def test_on_the_rehearsals_env_it_is_a_rehearsal(app, production):
    """The same gates, on a target that is thrown away."""
    code, report, output = nightly(app, production, "--postgres=embedded", env="rehearsal")
    # In the source nobody has a table of those who left: the rule cannot be checked.
    assert (code, gates(report)["volumes_are_within_bounds"]["state"]) == (1, "green"), output
    assert "UndefinedTable" in output
