"""A deployment to a Supabase that runs elsewhere: given by its URL, keys and database URL alone."""

import shutil
import signal
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from pytest_deploy.engine import keys
from pytest_deploy.engine.journal import Journal
from pytest_deploy.providers.postgres import lease
from pytest_deploy.providers.supabase.roles import api_roles
from tests.integration.elsewhere import running
from tests.integration.sealed_app import App

PROJECT = """
url = "env:STAGE_URL"
publishable_key = "env:STAGE_KEY"
secret_key = "env:STAGE_SECRET"
database = "env:STAGE_DATABASE"
"""
ACCESS = """
[access]
policies = "policies.sql"
anon = ["cosas"]
[gates.risk]
largest_total = 60
[freeze]
flag = ".deploy/FROZEN"
"""
POLICIES = "CREATE POLICY todas ON public.cosas FOR SELECT TO anon USING (true);"
# A gate of the app's own: what it does is said by a file that no seal knows of.
OWN_GATE = """
import os
import signal
import sqlite3
from pathlib import Path

from pytest_deploy.gates.verdict import Verdict


def test_own_gate(gate, access_granted):
    asked = Path(".deploy/own-gate")
    said = asked.read_text() if asked.exists() else ""
    if said == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if said == "write":
        with sqlite3.connect("app.db") as connection:
            connection.execute("INSERT INTO cosas (nombre) VALUES ('escrita mientras')")
    gate.judge(Verdict(1, "file", problems=("red",) if said == "red" else ()))
"""


@pytest.fixture(scope="module")
def roles(server):
    """The roles of the API, which are the server's."""
    with api_roles(server):
        yield server


@pytest.fixture
def project(roles):
    """The target."""
    with running(roles) as found:
        yield found


def app_in(folder, key, project, release=""):
    """An app that was rehearsed for production."""
    app = bound(App.made(folder, key), project)
    app.configure(ACCESS + release, env=PROJECT)
    (folder / "policies.sql").write_text(POLICIES)
    suite = folder / "ops/suites/deploy"
    suite.mkdir(parents=True)
    (suite / "test_own.py").write_text(OWN_GATE)
    app.commit()
    code, _, output = app.phase("predeploy", env="production", key=key)
    assert code == 0, output
    return app


@pytest.fixture(scope="module")
def rehearsed(roles, tmp_path_factory):
    """One that all tests begin with."""
    with running(roles) as found:
        return app_in(tmp_path_factory.mktemp("app") / "app", keys.new_key(), found)


@pytest.fixture
def app(rehearsed, project, tmp_path):
    """A copy of it, for the project of this test."""
    folder = tmp_path / "app"
    shutil.copytree(rehearsed.folder, folder, symlinks=True)
    return bound(App(folder, rehearsed.key), project)


def bound(app, project):
    """Tell an app where its project is, as CI does: by variables."""
    server, name = project.database.server, project.database.database
    password = server.password.reveal()
    app.variables = {
        "STAGE_URL": project.url,
        "STAGE_KEY": project.publishable_key.reveal(),
        "STAGE_SECRET": project.secret_key.reveal(),
        "STAGE_DATABASE": f"postgresql://{server.user}:{password}@{server.host}:{server.port}/{name}",
    }
    return app


def deployed(app, *options):
    """Deploy, the app's own gate among the package's; give exit code, report, output."""
    return app.phase("deploy", "ops/suites", *options, env="production", key=app.key)


def state_of(project):
    """Tell all that a deployment may change, but for what is noted of it."""
    with project.database.connect() as connection:
        catalogue = connection.execute(
            "SELECT n.nspname, c.relname, c.relkind::text, c.relacl::text, c.relrowsecurity"
            " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN"
            " ('information_schema', 'auth', 'storage') ORDER BY 1, 2"
        ).fetchall()
        policies = connection.execute("SELECT polname FROM pg_policy ORDER BY 1").fetchall()
        there = connection.execute("SELECT to_regclass('public.cosas') IS NOT NULL").fetchone()
        rows = connection.execute("TABLE public.cosas").fetchall() if there[0] else None
    return catalogue, policies, rows


def released(project):
    """What the project knows of releases."""
    with project.database.connect() as connection:
        return connection.execute(
            "SELECT id, state FROM deploy.releases ORDER BY began_at"
        ).fetchall()


def states(app):
    """The last state of each step in the journal of the last run."""
    journal = Journal(Path(app.folder / ".deploy/latest/deployment.jsonl"), "any")
    return {entry.step: entry.state for entry in journal.entries}


def asked(project):
    """What anybody sees of the app's table."""
    return httpx.get(
        f"{project.url}/rest/v1/cosas?order=id",
        headers={"apikey": project.publishable_key.reveal()},
    ).json()


def test_it_is_deployed_once_and_a_second_time_changes_nothing(app, project):
    """The rows are open as stated; the second run says that all of it stands already."""
    code, report, output = deployed(app)
    assert (code, report["verdict"]) == (0, "green"), output
    assert [row["nombre"] for row in asked(project)] == ["una", "otra"]
    assert set(states(app).values()) == {"retained"}
    before, known = state_of(project), released(project)
    assert [state for _, state in known] == ["retained"]
    code, report, output = deployed(app)
    assert (code, report["verdict"]) == (0, "green"), output
    assert set(states(app).values()) == {"unchanged"}
    assert (state_of(project), released(project)) == (before, known)
    for secret in (app.variables["STAGE_SECRET"], project.database.server.password.reveal()):
        for path in (app.folder / ".deploy").rglob("*"):
            assert not path.is_file() or secret not in path.read_text(errors="replace")
        assert secret not in output


def test_what_is_not_kept_leaves_nothing_behind(app, project):
    """A red gate after the last step: all of it is undone."""
    before = state_of(project)
    (app.folder / ".deploy/own-gate").write_text("red")
    code, report, output = deployed(app)
    assert (code, report["verdict"]) == (1, "red"), output
    assert state_of(project) == before
    assert set(states(app).values()) == {"compensated"}


def test_what_is_written_meanwhile_is_not_lost(app, project):
    """The source is looked at last of all: what it has by then was not deployed."""
    before = state_of(project)
    (app.folder / ".deploy/own-gate").write_text("write")
    code, report, output = deployed(app)
    assert (code, report["verdict"]) == (1, "red"), output
    assert "changed since the snapshot: the database: somebody has written to it" in output
    assert state_of(project) == before


def test_the_app_is_frozen_until_it_is_let_go(app, project):
    """While it is deployed and after; not where nothing is kept."""
    flag = app.folder / ".deploy/FROZEN"
    (app.folder / ".deploy/own-gate").write_text("red")
    assert deployed(app)[0] == 1
    assert not flag.exists()
    (app.folder / ".deploy/own-gate").unlink()
    assert deployed(app)[0] == 0
    ((release, _),) = released(project)
    assert flag.read_text().strip() == release
    code, said = told(app, "thaw")
    assert (code, flag.exists()) == (0, False), said
    assert deployed(app)[0] == 0  # the same once more: nothing is changed, nothing frozen
    assert not flag.exists()
    assert told(app, "undo", "--yes")[0] == 0


def test_a_second_run_that_is_red_keeps_what_was_deployed(app, project):
    """It looked at what stands there; it did not put it there."""
    deployed(app)
    before = state_of(project)
    (app.folder / ".deploy/own-gate").write_text("red")
    code, _, output = deployed(app)
    assert code == 1, output
    assert state_of(project) == before


def test_a_run_that_was_killed_is_taken_up_without_its_folder(app, project):
    """The target knows how far it came: no step is taken twice."""
    (app.folder / ".deploy/own-gate").write_text("kill")
    assert deployed(app)[0] == -signal.SIGKILL
    ((release, state),) = released(project)
    assert state == "begun"
    before = state_of(project)
    for path in (app.folder / ".deploy").glob("2*"):
        shutil.rmtree(path)
    (app.folder / ".deploy/own-gate").unlink()
    code, _, output = deployed(app)
    assert code == 0, output
    assert released(project) == [(release, "retained")]
    assert state_of(project) == before


def test_a_run_that_was_killed_is_undone_where_a_gate_is_red(app, project):
    """Whoever takes it up takes its way back up, too."""
    before = state_of(project)
    (app.folder / ".deploy/own-gate").write_text("kill")
    assert deployed(app)[0] == -signal.SIGKILL
    (app.folder / ".deploy/own-gate").write_text("red")
    code, _, output = deployed(app)
    assert code == 1, output
    assert state_of(project) == before


def test_another_source_waits_until_the_release_is_complete(app, project):
    """What keeps its way back is not deployed over."""
    deployed(app)
    before = state_of(project)
    app.write("INSERT INTO cosas (nombre) VALUES ('nueva')")
    code, _, output = deployed(app)
    assert code == 1
    assert "which keeps its way back since" in output
    assert state_of(project) == before


def test_rows_of_somebody_else_are_not_deployed_over(app, project):
    """What is there is named, with its rows, and stays as it is."""
    with project.database.connect() as connection:
        connection.execute("CREATE TABLE public.cosas AS SELECT 1 AS id, 'suya' AS nombre")
    before = state_of(project)
    code, report, output = deployed(app)
    assert (code, report["verdict"]) == (1, "red")
    assert "table public.cosas: 1 row" in output
    assert state_of(project) == before


def test_nothing_is_touched_without_a_seal(app, project):
    """Neither by a gate that was there before the one for the seal."""
    (app.folder / ".deploy/seal-production.json").unlink()
    before = state_of(project)
    code, _, output = deployed(app)
    assert code == 1
    assert "rehearse what is to be deployed" in output
    assert state_of(project) == before


def test_a_step_waits_for_a_person(tmp_path, project):
    """What stands stays; the next run goes on, and its journal says who approved."""
    approve = '[release]\napprove = ["publish_release"]\n'
    app = app_in(tmp_path / "app", keys.new_key(), project, approve)
    code, report, output = deployed(app)
    assert (code, report["verdict"]) == (1, "unproven"), output
    assert "--approve publish_release" in output
    assert states(app)["copy_rows"] == "applied"
    ((release, _),) = released(project)
    app.variables["DEPLOY_APPROVE"] = "publish_release"
    app.variables["GITHUB_ACTOR"] = "ana"
    code, report, output = deployed(app)
    assert (code, report["verdict"]) == (0, "green"), output
    assert released(project) == [(release, "retained")]
    journal = Journal(Path(app.folder / ".deploy/latest/deployment.jsonl"), "any")
    approved = [entry for entry in journal.entries if entry.state == "approved"]
    assert [entry.step for entry in approved] == ["publish_release"]
    assert approved[0].result == {"by": "ana on GitHub Actions"}


def told(app, what, *options):
    """Ask the command that ends releases; give its exit code and what it says."""
    done = app.run("pytest_deploy", "release", what, "--env=production", *options)
    return done.returncode, done.stdout + done.stderr


def test_a_release_is_undone_by_what_the_target_knows(app, project):
    """Another source by now; what people have written since is kept, closed to the API."""
    before = state_of(project)
    deployed(app)
    with project.database.connect() as connection:
        connection.execute("INSERT INTO public.cosas (id, nombre) VALUES (99, 'escrita luego')")
    app.write("DELETE FROM cosas")
    code, said = told(app, "undo")
    assert (code, "would undo: grant_access, publish_release" in said) == (1, True), said
    code, said = told(app, "undo", "--yes")
    assert code == 0, said
    with project.database.connect() as connection:
        (schema,) = connection.execute(
            "SELECT nspname FROM pg_namespace WHERE starts_with(nspname, 'deploy_undone_')"
        ).fetchone()
        rows = connection.execute(f'SELECT nombre FROM "{schema}".cosas ORDER BY id').fetchall()
        connection.execute(f'DROP SCHEMA "{schema}" CASCADE')
    assert rows == [("una",), ("otra",), ("escrita luego",)]
    assert state_of(project) == before
    assert told(app, "show")[0] == 1


def test_a_release_is_complete_when_it_is_due(app, project):
    """Not before; then there is no way back, and the next one may come."""
    deployed(app)
    code, said = told(app, "complete")
    assert (code, "expected it to stand for 24 hours" in said) == (1, True), said
    with project.database.connect() as connection:
        connection.execute("UPDATE deploy.releases SET changed_at = now() - interval '25 hours'")
    code, _, output = app.phase("postdeploy", "--complete", env="production")
    assert code == 0, output
    assert [state for _, state in released(project)] == ["complete"]
    assert told(app, "undo", "--yes")[0] == 1
    assert [row["nombre"] for row in asked(project)] == ["una", "otra"]
    app.write("INSERT INTO cosas (nombre) VALUES ('nueva')")
    code, _, output = deployed(app)
    assert code == 0, output
    assert [row["nombre"] for row in asked(project)] == ["una", "otra", "nueva"]
    assert [state for _, state in released(project)] == ["complete", "retained"]


def test_what_is_not_deployed_is_not_proven(app, project):
    """An empty project is not green; nor is one whose rows are others by now."""
    code, report, output = app.phase("postdeploy", env="production")
    assert (code, report["verdict"]) == (1, "red")
    assert "expected a release that was deployed, seen none" in output
    deployed(app)
    with project.database.connect() as connection:
        connection.execute("UPDATE public.cosas SET nombre = 'cambiada' WHERE id = 1")
    code, report, output = app.phase("postdeploy", env="production")
    assert (code, report["verdict"]) == (1, "red")
    assert "standing_cells_match" in output


CANARY = (
    "INSERT INTO auth.users (id, email, created_at, updated_at) VALUES"
    " (gen_random_uuid(), 'x-1@canary.pytest-deploy.invalid', now(), now())"
)
DEFECTS = {
    "standing_rows_agree": ("DELETE FROM public.cosas WHERE id = 2", "row"),
    "nothing_is_left_behind": ("CREATE SCHEMA deploy_staging", "schema deploy_staging"),
    "nothing_is_left_behind, account": (CANARY, "1 accounts of a gate are still there"),
    "release_is_deployed": ("UPDATE deploy.releases SET state = 'begun'", "is unfinished"),
    "tables_are_guarded": ("ALTER TABLE public.cosas DISABLE ROW LEVEL SECURITY", "it is off"),
    "programs_are_safe": ("CREATE VIEW public.v AS SELECT * FROM public.cosas", "public.v"),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_gate_of_postdeploy_goes_red(app, project, defect):
    """What became of a release after it was deployed."""
    statement, told = DEFECTS[defect]
    assert deployed(app)[0] == 0
    with project.database.connect() as connection:
        connection.execute(statement)
    code, report, output = app.phase("postdeploy", env="production")
    assert (code, report["verdict"]) == (1, "red"), output
    (gate,) = [one for one in report["gates"] if one["name"] == defect.partition(",")[0]]
    assert gate["state"] == "red"
    assert told in "".join(gate["problems"])


def test_what_was_done_is_noted_and_the_target_knows_how_far(app, project):
    """Signed, mirrored, and without a row; an end that was cut off is found by what the target knows."""
    code, _, output = deployed(app)
    assert code == 0, output
    check = ("pytest_deploy", "audit", "verify", "--env=production")
    done = app.run(*check)
    assert (done.returncode, "known to the target" in done.stdout) == (0, True), done.stderr
    assert "of them signed" in done.stdout
    log = app.folder / ".deploy/latest/audit.jsonl"
    whole = log.read_bytes()
    assert b"una" not in whole
    shown = app.run("pytest_deploy", "audit", "show", "--step=publish_release").stdout
    assert "database transaction" in shown
    lines = whole.splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:30]))
    done = app.run(*check)
    assert (done.returncode, "line 30: the log ends here" in done.stderr) == (1, True), done.stderr
    log.write_bytes(whole.replace(b'"result":"200"', b'"result":"404"', 1))
    done = app.run(*check)
    assert (done.returncode, "is not the one that was written there" in done.stderr) == (1, True)
    assert app.run("pytest_deploy", "audit", "verify", "no-such-run").returncode == 1


def test_a_release_is_rolled_back_as_a_phase(app, project):
    """What people have written since is kept; a second time there is nothing to take back."""
    before = state_of(project)
    deployed(app)
    with project.database.connect() as connection:
        connection.execute("INSERT INTO public.cosas (id, nombre) VALUES (99, 'escrita luego')")
    code, report, output = app.phase("rollback", env="production")
    assert (code, report["verdict"]) == (0, "green"), output
    with project.database.connect() as connection:
        (schema,) = connection.execute(
            "SELECT nspname FROM pg_namespace WHERE starts_with(nspname, 'deploy_undone_')"
        ).fetchone()
        (rows,) = connection.execute(f'SELECT count(*) FROM "{schema}".cosas').fetchone()
        connection.execute(f'DROP SCHEMA "{schema}" CASCADE')
    assert rows == 3
    assert state_of(project) == before
    code, report, output = app.phase("rollback", env="production")
    assert (code, report["verdict"]) == (1, "red")
    assert "expected a release that could be undone" in output


def test_a_part_of_a_release_is_rolled_back_and_put_back(app, project):
    """The rows alone; to deploy it again puts back what is missing."""
    deployed(app)
    whole, flag = state_of(project), app.folder / ".deploy/FROZEN"
    assert flag.exists()
    code, _, output = app.phase("rollback", "--component=config", env="production")
    assert code == 0, output
    assert not flag.exists()
    assert state_of(project) == whole
    code, _, output = deployed(app)
    assert code == 0, output
    assert flag.exists()
    code, _, output = app.phase("rollback", "--component=database", env="production")
    assert code == 0, output
    assert flag.exists()
    assert state_of(project) != whole


def test_in_an_emergency_people_are_told_and_nothing_is_asked(app, project):
    """The runbook is printed, and the alert is run; what is told names no row."""
    before, told = state_of(project), app.folder / ".deploy/told"
    script = app.folder / ".deploy/tell.sh"
    script.write_text(f'#!/bin/sh\nprintf %s "$PYTEST_DEPLOY_ALERT" > {told}\n')
    script.chmod(0o755)
    deployed(app)
    text = (app.folder / "deploy.toml").read_text()
    (app.folder / "deploy.toml").write_text(f'{text}\n[release]\nalert = ["{script}"]\n')
    code, report, output = app.phase("rollback", "--emergency", env="production")
    assert (code, report["verdict"]) == (0, "green"), output
    assert "# A release has to go back" in output
    assert told.read_text().startswith("ejemplo: rollback of production, run 2")
    with project.database.connect() as connection:
        (schema,) = connection.execute(
            "SELECT nspname FROM pg_namespace WHERE starts_with(nspname, 'deploy_undone_')"
        ).fetchone()
        connection.execute(f'DROP SCHEMA "{schema}" CASCADE')
    assert state_of(project) == before


def test_people_are_told_of_what_went_wrong_on_an_env(app, project):
    """Which phase, and which gates; a rehearsal, and what went well, tell nobody."""
    told, script = app.folder / ".deploy/told", app.folder / ".deploy/tell.sh"
    script.write_text(f'#!/bin/sh\nprintf %s "$PYTEST_DEPLOY_ALERT" > {told}\n')
    script.chmod(0o755)
    text = (app.folder / "deploy.toml").read_text()
    (app.folder / "deploy.toml").write_text(f'{text}\n[release]\nalert = ["{script}"]\n')
    app.commit()
    code, _, output = app.phase("predeploy", "ops/suites", env="production", key=app.key)
    assert (code, told.exists()) == (0, False), output
    with project.database.connect() as connection:
        connection.execute("CREATE TABLE public.cosas (id integer)")
    code, report, output = deployed(app)
    assert (code, report["verdict"]) == (1, "red"), output
    assert told.read_text().startswith("ejemplo: deploy on production is red, run 2")
    assert "nothing_of_others_is_there" in told.read_text()
    told.unlink()
    with project.database.connect() as connection:
        connection.execute("DROP TABLE public.cosas")
    code, _, output = deployed(app)
    assert (code, told.exists()) == (0, False), output
    code, _, output = app.phase("rollback", env="production")
    assert code == 0, output


def test_another_machine_that_holds_the_target_is_named(app, project):
    """Nothing is changed, and what to type where a person knows better stands there."""
    held = replace(project.database, run="r-0")
    lease.take(held, lease.look(held))
    with project.database.connect() as connection:
        connection.execute(
            "UPDATE deploy.lease SET host = 'elsewhere', seen_at = now() - interval '1 hour'"
        )
    before = state_of(project)
    code, report, output = deployed(app)
    assert (code, report["verdict"]) == (1, "red")
    assert "run r-0 of elsewhere:" in output
    assert "--take-over r-0" in output
    assert state_of(project) == before
    code, _, output = deployed(app, "--take-over=r-0")
    assert code == 0, output
