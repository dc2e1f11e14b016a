"""The plan that a rehearsal leaves: for a target that is there, one that is not, and when it fails."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from importlib import resources
from pathlib import Path

import jsonschema
import pytest

from pytest_deploy.errors import TargetError
from pytest_deploy.providers.postgres import embedded, looking
from pytest_deploy.providers.postgres.databases import create_database
from pytest_deploy.secrets import Secret
from pytest_deploy.workspace import Workspace

PERSON = "lucia.planta@familia.example"
VARIABLE = "PLAN_TEST_DATABASE_URL"
CONFIGURATION = f"""
[app]
name = "club"
[source]
database = "club.db"
[env.production]
database = "env:{VARIABLE}"
[env.elsewhere]
postgres_major = 18
[gates.risk]
largest_total = 60
"""
SCHEMA = f"""
CREATE TABLE socios (id INTEGER PRIMARY KEY, correo TEXT NOT NULL UNIQUE);
CREATE TABLE pagos (id INTEGER PRIMARY KEY, socio_id INTEGER REFERENCES socios (id));
CREATE VIEW deudores AS SELECT correo FROM socios;
INSERT INTO socios VALUES (1, '{PERSON}');
INSERT INTO pagos VALUES (1, 1);
"""
DRIVER = """
import sys
import pytest
sys.path.insert(0, {folder!r})
from test_plan import TWINS
sys.exit(pytest.main({arguments!r}, plugins=[TWINS[{twin!r}]] if {twin!r} else []))
"""


def lost_table(request, _made):
    """Take a table away, so that the copy fails."""
    with request.getfixturevalue("target").connect() as connection:
        connection.execute("DROP TABLE pagos")


class LosesATable:
    """A plugin: the rehearsal loses a table as soon as there is a schema."""

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef, request):
        made = yield
        if fixturedef.argname == "schema_created":
            lost_table(request, made)
        return made


TWINS = {"a table is lost": LosesATable()}


@pytest.fixture(scope="module")
def server():
    """A server that stands for the one of production."""
    folder = Path(tempfile.mkdtemp(prefix="plan-"))
    folder.chmod(0o711)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(folder))
        workspace = Workspace.create("plan")
        with embedded.serve(workspace, reason="test") as running:
            yield running
        workspace.close()
    shutil.rmtree(folder)


@pytest.fixture
def production(server):
    """A database of it."""
    with create_database(server, os.urandom(4).hex()) as target:
        yield target


def url(target, port=None):
    server = target.server
    password = server.password.reveal()
    return f"postgresql://{server.user}:{password}@{server.host}:{port or server.port}/{target.database}"


class Club:
    """A small app; its rehearsals leave their plans."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "deploy.toml").write_text(CONFIGURATION)
        connection = sqlite3.connect(folder / "club.db")
        connection.executescript(SCHEMA)
        connection.close()

    def rehearse(self, env="rehearsal", *, address="", twin="", secrets=()):
        """Rehearse, and give exit code, report, plan and its text."""
        arguments = [
            *("--pyargs", "pytest_deploy.suites", "-m", "predeploy", "-p", "no:cacheprovider"),
            *("--postgres=embedded", f"--env={env}", "-vv", "--showlocals"),
        ]
        code = DRIVER.format(folder=str(Path(__file__).parent), arguments=arguments, twin=twin)
        environment = {k: v for k, v in os.environ.items() if k != VARIABLE}
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=self.folder,
            env={**environment, **({VARIABLE: address} if address else {})},
            capture_output=True,
            text=True,
            check=False,
        )
        latest = self.folder / ".deploy/latest"
        assert (latest / "plan.json").exists(), done.stdout + done.stderr
        kept = [path for path in (self.folder / ".deploy").rglob("*") if path.is_file()]
        for text in (done.stdout, done.stderr, *(p.read_text(errors="replace") for p in kept)):
            assert PERSON not in text
            assert not [secret for secret in secrets if secret in text]
        plan = json.loads((latest / "plan.json").read_text())
        schema = json.loads(
            (resources.files("pytest_deploy.report") / "plan.schema.json").read_text()
        )
        jsonschema.validate(plan, schema)
        report = json.loads((latest / "report.json").read_text())
        return done.returncode, report, plan, (latest / "plan.md").read_text(), done.stdout


@pytest.fixture
def club(tmp_path):
    return Club(tmp_path)


def gate(report, name):
    return next(one for one in report["gates"] if one["name"] == name)


def codes(plan):
    return {risk["code"] for risk in plan["risks"]["risks"]}


def test_the_plan_is_what_ran_in_the_order_in_which_it_ran(club):
    """With what was measured, for machines and for people, and the same in the report."""
    code, report, plan, text, output = club.rehearse()
    assert code == 0, output
    ran = list(dict.fromkeys(entry["step"] for entry in report["steps"]))
    assert [step["step"] for step in plan["steps"]] == ran
    assert report["plan"] == {
        "files": ["plan.json", "plan.md"],
        "steps": plan["steps"],
        "risks": plan["risks"],
    }
    copied = next(step for step in plan["steps"] if step["step"] == "copy_rows")
    assert (copied["rows"], copied["size_bytes"] > 0) == (2, True)
    assert all(step["seconds"] > 0 and step["way_back"] for step in plan["steps"])
    assert plan["ended_at"] == ""
    assert plan["seconds"] == pytest.approx(
        sum(step["seconds"] for step in plan["steps"]), abs=0.01
    )
    created = next(step for step in plan["steps"] if step["step"] == "create_schema")
    assert "(seen on 4)" in created["locks"][0]  # two tables, two sequences
    assert text.startswith("# Plan: club to rehearsal\n")
    assert "club.db: 2 rows" in text
    assert [line for line in text.splitlines() if "6. create_programs" in line]
    total, largest = plan["risks"]["total"], plan["risks"]["largest_total"]
    assert f"plan.md, risk {total} of {largest}" in output
    assert gate(report, "plan_is_complete")["examined"] == len(ran)
    assert len(gate(report, "risk_is_bounded")["checks"]) == len(plan["risks"]["risks"])


def test_a_red_rehearsal_leaves_the_plan_as_far_as_it_came(club):
    """What failed has no duration, what follows is not there, and that is the largest risk."""
    code, report, plan, text, output = club.rehearse(twin="a table is lost")
    assert (code, report["verdict"]) == (1, "red"), output
    assert [step["step"] for step in plan["steps"]] == [
        "prepare_ledger",
        "create_schema",
        "copy_rows",
    ]
    assert plan["steps"][-1]["seconds"] is None
    assert plan["ended_at"] == "it came as far as copy_rows"
    assert plan["risks"]["risks"][0]["code"] == "rehearsal_not_whole"
    assert "**Not whole**: it came as far as copy_rows" in text
    assert gate(report, "plan_is_complete")["state"] == "unreached"


def test_a_target_that_is_there_is_compared_and_left_as_it_is(club, production):
    """Its version, settings and needs; the look itself can only read."""
    secret = production.server.password.reveal()
    with production.connect(autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{production.database}" SET statement_timeout = 1')
    code, _, plan, text, output = club.rehearse(
        "production", address=url(production), secrets=(secret,)
    )
    assert code == 0, output
    seen = plan["environment"]
    assert (seen["look"], seen["reason"], seen["postgres"]) == ("compared", "", "18.6")
    assert seen["compared"] > 30
    assert ("statement_timeout", "0ms", "1ms") in {
        (d["name"], d["rehearsed"], d["env"]) for d in seen["differences"]
    }
    assert {v["name"]: v["state"] for v in seen["variables"]} == {VARIABLE: "present"}
    assert "statement_timeout" in codes(plan)
    assert "env_unknown" not in codes(plan)
    assert "| statement_timeout | 0ms | 1ms | note |" in text
    with production.connect() as connection:
        made = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        assert made.fetchone() == (0,)


def test_a_target_that_is_something_else_closes_the_gate(club, server):
    """Another encoding, and a table that stands there already."""
    name = "another_encoding"
    with server.connect("postgres", autocommit=True) as connection:
        connection.execute(
            f"CREATE DATABASE {name} ENCODING 'LATIN1' TEMPLATE template0"
            " LOCALE_PROVIDER libc LOCALE 'C'"
        )
    with server.connect(name) as connection:
        connection.execute("CREATE TABLE socios (id int)")
    password = server.password.reveal()
    address = f"postgresql://{server.user}:{password}@{server.host}:{server.port}/{name}"
    code, report, plan, _, output = club.rehearse(
        "production", address=address, secrets=(password,)
    )
    found = gate(report, "environment_is_as_rehearsed")
    assert (code, found["state"]) == (1, "red"), output
    problems = " ".join(found["problems"])
    assert "a database in UTF8: LATIN1" in problems
    assert "names that are free: socios stand there already" in problems
    assert "encoding: rehearsed UTF8, there LATIN1" in problems
    assert "needs_unmet" in codes(plan)


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("", "expected a value, seen none"),
        ("postgresql://clerk:{secret}@127.0.0.1:1/main", "nothing answers there"),
        ("postgresql://clerk:{secret}@{host}:{port}/main", "refused the user or the password"),
        ("{secret}", "expected a connection URL"),
    ],
    ids=["not set", "nothing answers", "refused", "no URL"],
)
def test_a_target_that_cannot_be_looked_at_is_not_green(club, server, address, why):
    """Unproven, with the reason; neither the password nor the user is told."""
    secret = "planted-s3cret"
    address = address.format(secret=secret, host=server.host, port=server.port)
    code, report, plan, text, output = club.rehearse(
        "production", address=address, secrets=(secret, "clerk")
    )
    assert (code, report["verdict"]) == (1, "unproven"), output
    found = gate(report, "environment_is_as_rehearsed")
    assert found["state"] == "unproven"
    assert why in found["checks"][-1]["seen"]
    assert plan["environment"]["look"] == "unreachable"
    assert why in next(r["evidence"] for r in plan["risks"]["risks"] if r["code"] == "env_unknown")
    assert why in text


def test_a_target_without_a_database_is_a_risk_and_said(club):
    """There is nothing to reach: green, since a deployment to it is refused anyway."""
    code, report, plan, text, output = club.rehearse("elsewhere")
    assert code == 0, output
    assert plan["environment"]["look"] == "not configured"
    assert "env_unknown" in codes(plan)
    looked = gate(report, "environment_is_as_rehearsed")["measured"]["looked_at"]
    assert looked.startswith("not configured")
    assert "Database of elsewhere: not configured" in text


def test_the_look_cannot_write(production, monkeypatch):
    """Postgres itself refuses, whatever the look would do."""

    def careless(connection, *_arguments):
        connection.execute("CREATE TABLE left_behind (id int)")

    monkeypatch.setattr(looking, "_seen", careless)
    with pytest.raises(TargetError, match="SQLSTATE 25006") as caught:
        looking.look_at_url(
            Secret(url(production)), where="here", schema="public", names=(), zone="UTC"
        )
    assert production.server.password.reveal() not in str(caught.value)


def test_the_look_gives_up_on_a_server_that_is_busy(production, monkeypatch):
    """A statement of the look may take some seconds, and waits for no lock for long."""
    shown = {}

    def limits(connection, *_arguments):
        for name in ("statement_timeout", "lock_timeout", "default_transaction_read_only"):
            shown[name] = connection.execute(f"SHOW {name}").fetchone()[0]

    monkeypatch.setattr(looking, "_seen", limits)
    looking.look_at_target(production, schema="public", names=(), zone="UTC")
    assert shown == {
        "statement_timeout": "5s",
        "lock_timeout": "1s",
        "default_transaction_read_only": "on",
    }
