"""A role with exactly the grants that are printed takes every phase, and may do nothing else."""

from urllib.parse import urlsplit

import psycopg
import pytest

from pytest_deploy.config import load
from pytest_deploy.engine import keys
from pytest_deploy.providers.supabase.deploy_role import role_sql
from pytest_deploy.providers.supabase.roles import api_roles
from tests.integration.elsewhere import running
from tests.recovery import whole_app
from tests.recovery.whole_app import WholeApp, bound

ROLE, PASSWORD = "deployer", "s3creto-que-no-sale"
# Policies on objects are made by the owner of that table alone: the platform's, not this role.
NO_POLICIES_ON_OBJECTS = ("members = true\n", "")
BACKUP = """
[backup]
recipients = ["age1t993xqkutt4cs5cvp6yhg8vgxt57qe5nxht4rawwfe8dl6324vuq49zs4p"]
"""


@pytest.fixture
def app(server, tmp_path, monkeypatch):
    """An app that was rehearsed, and a project on which the role stands."""
    configuration = whole_app.CONFIGURATION.replace(*NO_POLICIES_ON_OBJECTS)
    configuration = configuration.replace(
        "postgres_major = 18", "postgres_major = 18\ndisk_mb = 8000"
    )
    policies = "".join(
        line for line in whole_app.POLICIES.splitlines(keepends=True) if "storage." not in line
    )
    monkeypatch.setattr(whole_app, "CONFIGURATION", configuration + BACKUP)
    monkeypatch.setattr(whole_app, "POLICIES", policies)
    with api_roles(server), running(server) as project:
        made = WholeApp.made(tmp_path / "app", keys.new_key())
        bound(made, project, server.port, urlsplit(project.url).port)
        printed = made.run("pytest_deploy", "access", "role")
        assert printed.returncode == 0, printed.stderr
        assert printed.stdout.rstrip() == role_sql(ROLE, load(made.folder / "deploy.toml")).rstrip()
        with project.database.connect() as connection:
            connection.execute(printed.stdout)
            connection.execute(f"ALTER ROLE {ROLE} PASSWORD '{PASSWORD}'")
        of_role = f"{ROLE}:{PASSWORD}@127.0.0.1"
        name = project.database.database
        made.variables["STAGE_DATABASE"] = f"postgresql://{of_role}:{server.port}/{name}"
        made.project = project
        yield made
        with project.database.connect() as connection:
            connection.execute(f"DROP OWNED BY {ROLE} CASCADE")
            connection.execute(f"DROP ROLE {ROLE}")


def test_every_phase_runs_under_it(app):
    """Rehearsed, deployed, proven and rolled back; its password is nowhere."""
    for phase in ("predeploy", "deploy", "postdeploy", "rollback"):
        code, said = app.ended(*app.phase_of(phase))
        assert code == 0, said
        assert "role_may_more" not in said
        assert PASSWORD not in said
    for path in (app.folder / ".deploy").rglob("*"):
        assert not path.is_file() or PASSWORD not in path.read_text(errors="replace")


def test_it_may_do_nothing_else(app):
    """Neither read what others have, nor make what a deployment does not make."""
    with app.project.database.connect() as connection:
        connection.execute("CREATE TABLE public.ajena (n integer)")
    with psycopg.connect(app.variables["STAGE_DATABASE"], autocommit=True) as connection:
        for statement in (
            "SELECT * FROM public.ajena",
            "CREATE ROLE otra",
            "CREATE DATABASE otra",
            "SELECT * FROM auth.sessions",
            "DELETE FROM storage.objects",
            "SET ROLE service_role",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_what_it_may_more_is_a_finding(app):
    """Named, with what prints a role that may not."""
    with app.project.database.connect() as connection:
        connection.execute(f"ALTER ROLE {ROLE} CREATEDB")
        connection.execute(f"GRANT service_role TO {ROLE}")
    code, said = app.ended(*app.phase_of("predeploy"))
    assert code == 0, said
    code, said = app.ended(*app.phase_of("deploy"))
    assert code == 0, said
    assert f"role_may_more {ROLE}" in said
    assert "may CREATEDB, SET ROLE service_role, which no deployment needs" in said
    app.undone()
