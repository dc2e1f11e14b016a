"""The migration file: the same for the same plan, and official tools make the plan's schema of it."""

import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest
from official_tools import ROOT, install_cli, lint, unavailable

from pytest_deploy.cli.planning import Asked, planned
from pytest_deploy.config import load, settings_of
from pytest_deploy.engine.release import new_id
from pytest_deploy.providers.postgres.databases import create_database
from pytest_deploy.schema.catalog import read_catalog, read_definitions
from pytest_deploy.schema.diff import differences
from pytest_deploy.schema.history import migration_at, recorded
from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.schema.migration import migration_path, migration_text, write_migration
from pytest_deploy.steps.record_migration import RecordMigration
from pytest_deploy.testing import check_step_contract
from sample import make

GOLDEN = Path(__file__).with_name("golden") / "migration.sql"
CORPUS = sorted((ROOT.parent / "shared" / "corpus").glob("*.db"))
SMALL = """
CREATE TABLE padres (id INTEGER PRIMARY KEY, nombre TEXT NOT NULL UNIQUE, activo BOOLEAN DEFAULT 1);
CREATE TABLE hijos (id INTEGER PRIMARY KEY, padre_id INTEGER REFERENCES padres (id) ON DELETE CASCADE,
    peso REAL CHECK (peso > 0), "año" DECIMAL(6,2) DEFAULT 0, nota TEXT DEFAULT 'sin; nota');
CREATE UNIQUE INDEX idx_hijos ON hijos (padre_id, peso DESC);
INSERT INTO padres VALUES (1, 'valor-privado', 1);
INSERT INTO hijos VALUES (1, 1, 2.5, 1.25, 'otro-valor-privado');
"""
ODD = """
CREATE TABLE "a ""b"";--c" (id INTEGER PRIMARY KEY, "x%s" TEXT DEFAULT 'it''s $access$; %', "--" TEXT);
CREATE TABLE "$access$" ("select" TEXT PRIMARY KEY, "ñ/*" REAL DEFAULT 0.5 CHECK ("ñ/*" <> 7));
CREATE INDEX "i;x" ON "a ""b"";--c" ("x%s");
INSERT INTO "$access$" VALUES ('k', 1.5);
"""
SCHEMA_SETTING = '[app]\nname = "a"\n[source]\ndatabase = "a.db"\n[schema]\nname = "mi app"\n'
VERSIONS = "SELECT version, name FROM supabase_migrations.schema_migrations"


@pytest.fixture(scope="session")
def cli(tmp_path_factory):
    """The official CLI."""
    return install_cli(tmp_path_factory.mktemp("home"))


def database(path, sql):
    """Make a database."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(sql)
    return path


def asked(settings, lock=None):
    """Plan with accepted remedies on the embedded server."""
    return Asked(settings, lock, "embedded", accept=True)


def text_of(path):
    """Give the migration of a database."""
    with planned(asked(settings_of(None, path))) as frozen:
        return migration_text(frozen.prepared.plan)


def url_of(target):
    """Give the address with the password, which a rehearsal's own server has made up."""
    server = target.server
    user, password = quote(server.user, safe=""), quote(server.password.reveal(), safe="")
    return f"postgresql://{user}:{password}@{server.host}:{server.port}/{target.database}"


def push(cli, asking, folder):
    """Lint and push a migration to an empty database; give what is there and what was planned."""
    with (
        planned(asking) as frozen,
        create_database(frozen.prepared.transfer.target.server, new_id()) as target,
    ):
        plan = frozen.prepared.plan
        file = folder / "supabase/migrations/20260102030405_esquema.sql"
        write_migration(file, migration_text(plan))
        assert lint(file) == ""
        code, output = cli.push(folder, url_of(target))
        assert code == 0, output
        with target.connect() as connection:
            assert connection.execute(VERSIONS).fetchall() == [("20260102030405", "esquema")]
            found = read_catalog(connection, quoted(plan.schema))
            written = read_definitions(connection, plan.schema)
        code, output = cli.push(folder, url_of(target))
        assert (code, "up to date" in output) == (0, True), output
        assert differences(plan, found, written) == []
        return plan, found


def test_the_text_is_the_same_for_the_same_schema(tmp_path):
    """With other rows too, without a value of any row, and as golden/migration.sql has it."""
    path = database(tmp_path / "a.db", SMALL)
    text = text_of(path)
    database(path, "INSERT INTO padres VALUES (7, 'mas', 0); VACUUM")
    assert text_of(path) == text
    assert "valor-privado" not in text
    assert text == GOLDEN.read_text()


def test_the_official_cli_makes_the_sample_s_schema(tmp_path, cli):
    """Accepted by squawk and `supabase db push`, recorded, and equal to the plan."""
    made = make(tmp_path / "out", seed=7, scale=1)
    settings = load(ROOT / "deploy.toml").with_source(made.database)
    plan, found = push(cli, asked(settings, ROOT / "schema.lock"), tmp_path)
    assert len(found) >= 6
    assert set(found) == {table.name for table in plan.tables}


def test_the_official_cli_makes_the_dirty_sample_s_schema(tmp_path, cli):
    """One of every defect: NOT VALID constraints, shortened indexes, odd names."""
    made = make(tmp_path / "out", seed=7, scale=1, dirty=True)
    plan, found = push(cli, asked(settings_of(None, made.database)), tmp_path)
    assert set(found) == {table.name for table in plan.tables}


@pytest.mark.parametrize("sql", [SMALL, ODD], ids=["small", "odd names"])
def test_the_official_cli_makes_what_is_planned(tmp_path, cli, sql):
    """Names and texts with quotes, semicolons, comments and dollar signs are cut nowhere."""
    path = database(tmp_path / "a.db", sql)
    plan, found = push(cli, asked(settings_of(None, path)), tmp_path)
    assert set(found) == {table.name for table in plan.tables}


def test_another_schema_is_made_first(tmp_path, cli):
    """[schema] name."""
    database(tmp_path / "a.db", SMALL)
    (tmp_path / "deploy.toml").write_text(SCHEMA_SETTING)
    plan, found = push(cli, asked(load(tmp_path / "deploy.toml")), tmp_path)
    assert plan.schema == "mi app"
    assert set(found) == {table.name for table in plan.tables}


@pytest.mark.skipif(not CORPUS, reason="no databases of other people beside the checkout")
@pytest.mark.parametrize("path", CORPUS, ids=[path.stem for path in CORPUS])
def test_the_official_cli_makes_the_schema_of_databases_that_nobody_here_wrote(tmp_path, cli, path):
    """Whatever is planned of them."""
    plan, found = push(cli, asked(settings_of(None, path)), tmp_path)
    assert set(found) == {table.name for table in plan.tables}


def test_the_api_roles_get_nothing(tmp_path):
    """A hosted project's default privileges would open every new table to the whole world."""
    path = database(tmp_path / "a.db", ODD)
    may = "SELECT count(*) FROM information_schema.role_table_grants WHERE grantee = %s"
    with (
        planned(asked(settings_of(None, path))) as frozen,
        create_database(frozen.prepared.transfer.target.server, new_id()) as target,
        target.connect() as connection,
    ):
        for role in ("anon", "authenticated", "service_role"):
            connection.execute(f"CREATE ROLE {role}")
            connection.execute(f"ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO {role}")
        connection.execute(migration_text(frozen.prepared.plan))
        allowed = {
            role: connection.execute(may, (role,)).fetchone()[0] > 0
            for role in ("anon", "authenticated", "service_role")
        }
        assert allowed == {"anon": False, "authenticated": False, "service_role": True}
        connection.rollback()


def test_a_migration_that_fails_leaves_nothing(tmp_path, cli):
    """One transaction: the CLI's, and its record with it."""
    path = database(tmp_path / "a.db", SMALL)
    with (
        planned(asked(settings_of(None, path))) as frozen,
        create_database(frozen.prepared.transfer.target.server, new_id()) as target,
    ):
        file = tmp_path / "supabase/migrations/20260102030405_esquema.sql"
        write_migration(file, migration_text(frozen.prepared.plan) + "SELECT 1 / 0;\n")
        assert cli.push(tmp_path, url_of(target))[0] != 0
        with target.connect() as connection:
            assert read_catalog(connection, "public") == {}
            assert connection.execute(VERSIONS).fetchall() == []


def test_the_official_cli_takes_what_a_release_records_for_applied(tmp_path, cli):
    """Listed on both sides, nothing left to push; and the way back leaves the history as it was."""
    path = database(tmp_path / "a.db", SMALL)
    with (
        planned(asked(settings_of(None, path))) as frozen,
        create_database(frozen.prepared.transfer.target.server, new_id()) as target,
    ):
        file = tmp_path / "supabase/migrations/20260102030405_esquema.sql"
        write_migration(file, migration_text(frozen.prepared.plan))
        with target.connect() as connection:
            connection.execute(migration_text(frozen.prepared.plan))
            connection.execute("CREATE SCHEMA deploy")

        def history():
            with target.connect() as connection:
                return recorded(connection), connection.execute(
                    "SELECT nspname FROM pg_namespace ORDER BY 1"
                ).fetchall()

        check_step_contract(RecordMigration(target, "r-1", migration_at(file)), history)
        code, output = cli.migrations(tmp_path, url_of(target))
        assert code == 0, output
        (line,) = [line for line in output.splitlines() if "20260102030405" in line]
        assert line.count("20260102030405") == 2
        code, output = cli.push(tmp_path, url_of(target))
        assert (code, "up to date" in output) == (0, True), output


def run(folder, *arguments):
    """Type `schema migration`."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest_deploy", "schema", "migration", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def test_the_command_keeps_the_time_of_the_file_of_that_name(tmp_path):
    """A first time from the clock, then always the same file."""
    database(tmp_path / "a.db", SMALL)
    options = ("--source", "a.db", "--postgres", "embedded", "--name", "esquema")
    code, said, error = run(tmp_path, *options)
    assert code == 0, error
    assert "no schema.lock" in error
    (file,) = (tmp_path / "supabase/migrations").iterdir()
    assert re.fullmatch(r"20\d{12}_esquema\.sql", file.name)
    assert file.name in said
    assert run(tmp_path, *options)[1].count("is current") == 1
    database(tmp_path / "a.db", "ALTER TABLE padres ADD COLUMN mote TEXT")
    assert run(tmp_path, *options)[1].count("written") == 1
    assert '"mote" text' in file.read_text()
    assert run(tmp_path, *options, "--timestamp", "20260102030405")[0] == 0
    assert len(list(file.parent.iterdir())) == 2
    code, _, error = run(tmp_path, *options)
    assert (code, "--timestamp" in error) == (1, True)


def test_a_migration_is_made_of_the_lock_or_not_at_all(tmp_path):
    """A stale lock, and what nobody has settled, are refused."""
    database(tmp_path / "a.db", SMALL)
    (tmp_path / "deploy.toml").write_text(SCHEMA_SETTING + '[rehearsal]\npostgres = "embedded"\n')
    lock = [sys.executable, "-m", "pytest_deploy", "schema", "lock"]
    subprocess.run(lock, cwd=tmp_path, check=True, capture_output=True)
    assert run(tmp_path)[0] == 0
    database(tmp_path / "a.db", "INSERT INTO hijos VALUES (2, 99, 1, 1, 'n')")
    code, _, error = run(tmp_path)
    assert (code, "orphans hijos.padre_id" in error) == (1, True)
    database(tmp_path / "a.db", "ALTER TABLE padres ADD COLUMN mote TEXT")
    code, _, error = run(tmp_path)
    assert (code, "column padres.mote: the lock says nothing" in error) == (1, True)


def test_a_path_is_taken_from_one_file_only(tmp_path):
    """A name that ends alike is another one."""
    (tmp_path / "20250101000000_otro_esquema.sql").touch()
    assert migration_path(tmp_path, "esquema", None).name.startswith("20")
    assert migration_path(tmp_path, "otro_esquema", None).name == "20250101000000_otro_esquema.sql"


def test_the_pinned_cli_is_the_one_that_was_tried():
    """package.json and its lock name one version."""
    wanted = json.loads((ROOT / "stack/package.json").read_text())["dependencies"]["supabase"]
    locked = json.loads((ROOT / "stack/package-lock.json").read_text())["packages"]
    assert locked["node_modules/supabase"]["version"] == wanted


def test_what_ci_cannot_prove_is_no_skip(monkeypatch):
    """Without a network a laptop skips, and says so; CI fails."""
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no network"):
        unavailable("no network")
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="NOT PROVEN HERE: no network"):
        unavailable("no network")
