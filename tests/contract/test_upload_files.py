"""Uploads come to Storage once, are gone on with, and leave nothing behind: on a real Storage."""

import uuid

import httpx
import pytest

from pytest_deploy.config.files import BucketSettings, FilesSettings
from pytest_deploy.engine.step import Observed
from pytest_deploy.errors import SourceError, StepError
from pytest_deploy.gates.files import objects_are_whole, private_objects_are_closed, shown
from pytest_deploy.providers.postgres import embedded
from pytest_deploy.providers.postgres.databases import create_database
from pytest_deploy.providers.supabase import lite
from pytest_deploy.providers.supabase.roles import api_roles
from pytest_deploy.providers.supabase.storage import Storage, headers_of
from pytest_deploy.steps.services import services_of
from pytest_deploy.steps.upload_files import UploadFiles
from pytest_deploy.testing import check_step_contract
from pytest_deploy.transfer.manifest import manifest_of
from pytest_deploy.transfer.uploads import list_uploads, others_among
from pytest_deploy.workspace import Workspace

SETTINGS = FilesSettings(
    buckets={
        "abierto": BucketSettings(paths=("publico/*",), public=True),
        "cerrado": BucketSettings(),
    },
    workers=4,
)
FILES = {
    "publico/cartel.txt": b"ven al campamento",
    "fotos/ana y luis.txt": b"privada",
    "documentos/autorizaci\u00f3n.txt": b"firmada",
    "vacio.txt": b"",
}


@pytest.fixture(scope="module")
def stack():
    """A Supabase for all tests; each has a database of its own, and so a Storage."""
    workspace = Workspace.create(f"files-{uuid.uuid4().hex}")
    try:
        with embedded.serve(workspace, reason="tests") as server, api_roles(server):
            yield server, workspace
    finally:
        workspace.close()


@pytest.fixture
def project(stack):
    """A project with a ledger."""
    server, workspace = stack
    name = uuid.uuid4().hex
    with create_database(server, name) as database:
        with database.connect() as connection:
            connection.execute("CREATE SCHEMA deploy")
        with lite.serve(database, workspace.child(name)) as running:
            yield running


@pytest.fixture
def folder(tmp_path):
    """The uploads."""
    for path, content in FILES.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(content)
    return tmp_path


def step_of(project, folder, settings=SETTINGS, release="r-1"):
    """The step, for what the folder holds now."""
    manifest = manifest_of(folder, list_uploads(folder), settings)
    return UploadFiles(project, release, folder, manifest, settings), manifest


def state_of(project):
    """All that Storage has."""
    with project.database.connect() as connection:
        objects = connection.execute(
            "SELECT bucket_id, name, metadata->>'size' FROM storage.objects ORDER BY 1, 2"
        ).fetchall()
        buckets = connection.execute("SELECT id, public FROM storage.buckets ORDER BY 1").fetchall()
    return objects, buckets


def put(project, bucket, key, content):
    """Put something there as somebody else does."""
    with httpx.Client(headers=headers_of(project.secret_key.reveal())) as http:
        url = f"{project.url}/storage/v1"
        http.post(f"{url}/bucket", json={"id": bucket, "name": bucket, "public": False})
        told = {"content-type": "text/plain", "x-upsert": "true"}
        http.post(f"{url}/object/{bucket}/{key}", content=content, headers=told).raise_for_status()


def test_the_step_keeps_the_contract(project, folder):
    """Applied, undone, applied again, complete."""
    step, manifest = step_of(project, folder)
    check_step_contract(step, lambda: state_of(project))
    assert not objects_are_whole(project, manifest, SETTINGS).problems
    assert not private_objects_are_closed(project, manifest, SETTINGS).problems


def test_its_way_back_needs_the_release_alone(project, folder):
    """Another process, without the files and their settings."""
    before = state_of(project)
    step_of(project, folder)[0].apply()
    (way_back,) = [one for one in services_of(project, "r-1", None) if one.name == UploadFiles.name]
    way_back.compensate()
    assert state_of(project) == before
    step_of(project, folder)[0].apply()
    there = state_of(project)
    way_back.complete()
    way_back.compensate()
    assert state_of(project) == there


def test_what_was_begun_is_gone_on_with(project, folder, monkeypatch):
    """What is there is not sent again; what was sent, but not noted, is known by its hash."""
    step, manifest = step_of(project, folder)
    sent = []
    put_really = Storage.put

    def dies_after_two(self, bucket, key, path, mime):
        put_really(self, bucket, key, path, mime)
        sent.append(key)
        if len(sent) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Storage, "put", dies_after_two)
    with pytest.raises(KeyboardInterrupt):
        step.apply()
    monkeypatch.setattr(Storage, "put", put_really)
    assert step.observe() is Observed.NOTHING
    again, _ = step_of(project, folder)
    result = again.apply()
    assert 0 < result["sent"] < len(FILES)
    assert again.observe() is Observed.DONE
    assert not objects_are_whole(project, manifest, SETTINGS).problems
    again.compensate()
    assert state_of(project) == ([], [])


def test_what_others_have_put_there_is_neither_written_over_nor_removed(project, folder):
    """Refused before anything is sent; what is the same stays when the release is undone."""
    put(project, "cerrado", "vacio.txt", b"de otra persona")
    before = state_of(project)
    step, _ = step_of(project, folder)
    with pytest.raises(StepError, match="seen 1"):
        step.apply()
    step.compensate()
    assert state_of(project) == before
    put(project, "cerrado", "vacio.txt", b"")
    before = state_of(project)
    step.apply()
    assert step.observe() is Observed.DONE
    step.compensate()
    assert state_of(project) == before


def test_a_bucket_of_others_that_is_open_is_refused(project, folder):
    """What is to be private does not go where anybody can read."""
    settings = FilesSettings(buckets={"cerrado": BucketSettings(public=True)})
    put(project, "cerrado", "algo.txt", b"x")
    step, _ = step_of(project, folder, settings)
    with pytest.raises(StepError, match="expected bucket cerrado to be public"):
        step.apply()


def test_an_object_that_opens_is_told_without_its_name(project, folder):
    """A bucket that was made public: each object of it is named by its hash."""
    step, manifest = step_of(project, folder)
    step.apply()
    with httpx.Client(headers=headers_of(project.secret_key.reveal())) as http:
        told = {"public": True}
        http.put(f"{project.url}/storage/v1/bucket/cerrado", json=told).raise_for_status()
    problems = private_objects_are_closed(project, manifest, SETTINGS).problems
    assert len(problems) == 1 + 3
    assert not any("ana" in problem for problem in problems)
    private = [entry for entry in manifest.entries if entry.bucket == "cerrado"]
    assert all(any(shown(entry) in problem for problem in problems) for entry in private)


def test_a_file_that_changes_meanwhile_is_not_sent(folder):
    """It is another one than the snapshot's rows speak of."""
    listed = list_uploads(folder)
    (folder / "vacio.txt").write_bytes(b"ya no")
    with pytest.raises(SourceError, match="another one than when the snapshot"):
        manifest_of(folder, listed, SETTINGS)


def test_links_are_told_and_not_followed(folder):
    """Wherever they lead."""
    (folder / "fotos/enlace").symlink_to("/etc/passwd")
    assert others_among(folder) == ("symbolic link",)
    assert len(list_uploads(folder)) == len(FILES)
