"""What the local Supabase promises: it answers, and nothing of it outlives its run."""

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import httpx
import pytest

from pytest_deploy.gates.canary import members_signed_in
from pytest_deploy.processes import started_at
from pytest_deploy.providers.postgres import embedded
from pytest_deploy.providers.postgres.databases import create_database
from pytest_deploy.providers.supabase import lite
from pytest_deploy.providers.supabase.rest import await_tables
from pytest_deploy.providers.supabase.roles import api_roles
from pytest_deploy.workspace import Workspace

PATIENCE_S = 20
RUN = """
import time
from pytest_deploy.providers.postgres import embedded
from pytest_deploy.providers.postgres.databases import create_database
from pytest_deploy.providers.supabase import lite
from pytest_deploy.providers.supabase.roles import api_roles
from pytest_deploy.workspace import Workspace
workspace = Workspace.create("killed")
with embedded.serve(workspace, reason="test") as server, api_roles(server):
    with create_database(server, "k") as target, lite.serve(target, workspace.child("supabase")):
        pid = (workspace.path / "supabase" / "service.pid").read_text().strip()
        print(workspace.path, pid, flush=True)
        time.sleep(60)
"""


@pytest.fixture
def temporary_folder():
    """A folder that the server's account can pass through, which pytest's own is not as root."""
    folder = Path(tempfile.mkdtemp(prefix="contract-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


def test_service_ends_with_a_killed_run(temporary_folder):
    """After `kill -9` of the run, neither its service nor its folder is left."""
    run = subprocess.Popen(
        [sys.executable, "-c", RUN],
        env={**os.environ, "TMPDIR": str(temporary_folder)},
        stdout=subprocess.PIPE,
        text=True,
    )
    folder, pid = run.stdout.readline().split()
    assert started_at(int(pid)) is not None
    run.send_signal(signal.SIGKILL)
    run.wait()
    run.stdout.close()
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and (Path(folder).exists() or started_at(int(pid))):
        time.sleep(0.1)
    assert started_at(int(pid)) is None
    assert not Path(folder).exists()


ROLES = ["anon", "authenticated", "service_role"]
MADE = """
CREATE TABLE public.t (id int);
ALTER TABLE public.t ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON public.t TO service_role;
"""
GRANTED = """
SELECT count(*) FROM pg_class c, aclexplode(c.relacl) a
WHERE c.relnamespace = 'public'::regnamespace AND a.grantee = 'anon'::regrole
"""


@pytest.fixture(scope="module")
def workspace():
    """A folder of a run."""
    made = Workspace.create(f"lite-{uuid.uuid4().hex}")
    yield made
    made.close()


@pytest.fixture(scope="module")
def server(workspace):
    """An embedded server, without the roles."""
    with embedded.serve(workspace, reason="tests") as running:
        yield running


def roles_on(server):
    """Name the API's roles that a server has."""
    with server.connect("postgres") as connection:
        rows = connection.execute(
            "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s) ORDER BY 1", (ROLES,)
        ).fetchall()
    return [row[0] for row in rows]


def test_roles_go_with_their_last_user(server):
    """Several rehearsals share them; nothing of them stays on the server."""
    with api_roles(server):
        with api_roles(server):
            assert roles_on(server) == ROLES
        assert roles_on(server) == ROLES
    assert roles_on(server) == []


def test_roles_of_others_stay(server):
    """A server of somebody else keeps what it had."""
    with server.connect("postgres", autocommit=True) as connection:
        connection.execute("CREATE ROLE anon")
        with api_roles(server):
            assert roles_on(server) == ROLES
        assert roles_on(server) == ["anon"]
        connection.execute("DROP ROLE anon")


@pytest.fixture
def project(server, workspace):
    """A local project on a database of its own."""
    folder, name = workspace.child(uuid.uuid4().hex), uuid.uuid4().hex
    with (
        api_roles(server),
        create_database(server, name) as database,
        lite.serve(database, folder) as made,
    ):
        yield made


def granted(project, statement=""):
    """Count what anon was granted on tables, after a statement."""
    with project.database.connect(autocommit=True) as connection:
        if statement:
            connection.execute(statement)
        return connection.execute(GRANTED).fetchone()[0]


def test_nothing_is_granted_behind_our_back(project):
    """As on a new hosted project: neither by default, nor when a table is first asked for."""
    assert granted(project, MADE) == 0
    await_tables(project, ["t"])
    assert granted(project) == 0


@pytest.fixture
def without_workaround(monkeypatch):
    """The local project as it is by itself."""
    monkeypatch.setattr(lite, "_let_grants_pass", lambda _project: None)


def test_quirk_the_first_question_grants_everything(without_workaround, project):
    """When this fails, `_let_grants_pass` has become needless."""
    assert granted(project, MADE) == 0
    await_tables(project, ["t"])
    assert granted(project) > 0


def test_quirk_notify_reloads_nothing(project):
    """When this fails, `rest.reload` need not ask for the schema."""
    granted(project, "CREATE TABLE public.t (id int); NOTIFY pgrst, 'reload schema'")
    time.sleep(1)
    asked = {"apikey": project.secret_key.reveal()}
    assert "PGRST205" in httpx.get(f"{project.url}/rest/v1/t", headers=asked).text


@pytest.fixture
def storage(project):
    """Ask Storage with the secret key; there is a bucket."""
    key = project.secret_key.reveal()
    headers = {"apikey": key, "Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=f"{project.url}/storage/v1/", headers=headers) as client:
        client.post("bucket", json={"id": "cosas", "name": "cosas"}).raise_for_status()
        yield client


def put(storage, mime):
    """Send an object whose name says something else than its type."""
    told = {"content-type": mime, "x-upsert": "true"}
    storage.post("object/cosas/a.pdf", content=b"hola", headers=told).raise_for_status()


def test_quirk_types_of_objects_are_told_by_their_names(storage):
    """So the type that was noted is compared as well: `gates/files.py`."""
    put(storage, "text/plain")
    assert storage.get("object/cosas/a.pdf").headers["content-type"] == "application/pdf"


def test_quirk_what_is_noted_of_an_object_is_a_text_within_json(project, storage):
    """So it is read as both: `_TYPES` of `gates/files.py`."""
    put(storage, "text/plain")
    with project.database.connect() as connection:
        row = connection.execute(
            "SELECT jsonb_typeof(metadata), (metadata #>> '{}')::jsonb ->> 'mimetype'"
            " FROM storage.objects"
        ).fetchone()
    assert row == ("string", "text/plain")


def test_quirk_a_signed_address_has_another_name(storage):
    """So either is taken: `Storage.sign`."""
    put(storage, "text/plain")
    told = storage.post("object/sign/cosas/a.pdf", json={"expiresIn": 60}).json()
    assert "signedUrl" in told
    assert "signedURL" not in told


def test_quirk_types_of_a_bucket_are_whole_names(storage):
    """So `[files]` takes no `image/*`."""
    told = {"id": "fotos", "name": "fotos", "allowed_mime_types": ["image/*"]}
    storage.post("bucket", json=told).raise_for_status()
    answer = storage.post("object/fotos/a.png", content=b"x", headers={"content-type": "image/png"})
    assert answer.json()["statusCode"] == "415"


def test_quirk_there_is_no_admin_api(project):
    """So accounts are made by SQL: `providers/supabase/accounts.py`."""
    key = project.secret_key.reveal()
    answer = httpx.get(
        f"{project.url}/auth/v1/admin/users",
        headers={"apikey": key, "Authorization": f"Bearer {key}"},
    )
    assert answer.status_code == 401


def test_quirk_tokens_tell_no_app_metadata(project):
    """So policies on the role in a token prove nothing here: see `sample/policies.sql`."""
    with members_signed_in(project, {"rol": "editor"}) as (token,):
        claims = json.loads(base64.urlsafe_b64decode(token.reveal().split(".")[1] + "=="))
    assert claims["role"] == "authenticated"
    assert "app_metadata" not in claims
