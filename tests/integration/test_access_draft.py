"""A first answer to who may see what: nothing as it is written, and SQL that Postgres takes."""

import sqlite3
import subprocess
import sys
import tomllib
from contextlib import closing

import pytest

from pytest_deploy.cli.planning import Asked, planned
from pytest_deploy.config import load
from pytest_deploy.engine.release import new_id
from pytest_deploy.providers.postgres.databases import create_database
from pytest_deploy.providers.supabase.roles import api_roles
from pytest_deploy.schema.access_draft import policies_text
from pytest_deploy.schema.migration import migration_text
from pytest_deploy.schema.policies import read_policies

SCHEMA = """
CREATE TABLE socios (id INTEGER PRIMARY KEY, email TEXT, "contraseña" TEXT, token_api TEXT);
CREATE TABLE "notas ""b"" " (id INTEGER PRIMARY KEY, autor INTEGER REFERENCES socios (id));
CREATE TABLE sueltas (id INTEGER PRIMARY KEY, compartida INTEGER);
"""
CONFIGURATION = """
[app]
name = "a"
[source]
database = "a.db"
[users]
table = "socios"
password_hash = "contraseña"
"""
AUTH = """
CREATE SCHEMA auth;
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS 'SELECT NULL::uuid';
"""


@pytest.fixture
def app(tmp_path):
    """An app of three tables."""
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        connection.executescript(SCHEMA)
    (tmp_path / "deploy.toml").write_text(CONFIGURATION)
    return tmp_path


def test_postgres_takes_every_proposal(app):
    """As it is written nobody sees a row; without the dashes each is a policy."""
    settings = load(app / "deploy.toml")
    with planned(Asked(settings, None, "embedded", accept=True)) as frozen:
        plan, server = frozen.prepared.plan, frozen.prepared.transfer.target.server
        text = policies_text(plan, settings.users)
        file = app / "policies.sql"
        file.write_text(text)
        assert read_policies(file) == ()
        proposals = "\n".join(
            line.removeprefix("-- ") for line in text.splitlines() if line.startswith("-- CREATE")
        )
        file.write_text(proposals)
        statements = read_policies(file)
        assert [one.policy for one in statements].count("own") == 2
        assert [one.policy for one in statements].count("everybody") == 3
        with (
            api_roles(server),
            create_database(server, new_id()) as target,
            target.connect() as connection,
        ):
            connection.execute(AUTH)
            connection.execute(migration_text(plan))
            for one in statements:
                connection.execute(one.sql)
            connection.rollback()


def test_the_command_writes_once_and_tells_the_section(app):
    """What looks secret is hidden; what somebody may have edited is not written over."""
    command = [sys.executable, "-m", "pytest_deploy", "access", "draft", "--accept-remedies"]
    done = subprocess.run(command, cwd=app, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = tomllib.loads(done.stdout.partition("closed\n")[2])["access"]
    assert told == {
        "policies": "policies.sql",
        "anon": [],
        "hidden": ["socios.contraseña", "socios.token_api"],
    }
    assert (app / "policies.sql").read_text().count(": closed.") == 3
    again = subprocess.run(command, cwd=app, capture_output=True, text=True, check=False)
    assert again.returncode == 1
    assert "somebody may have edited it" in again.stderr
