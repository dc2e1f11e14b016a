"""Backups in a bucket: whole or told, on a machine that has nothing else, whatever the line does."""

import re
import shutil
import traceback
from urllib.parse import urlsplit

import pyrage
import pytest

from pytest_deploy.config.backup import BackupSettings
from pytest_deploy.engine import keys
from pytest_deploy.errors import BackupError
from pytest_deploy.gates.backup import backup_is_fresh
from pytest_deploy.processes import free_port
from pytest_deploy.providers.supabase.roles import api_roles
from pytest_deploy.recovery.manifest import DATABASE, MANIFEST, Manifest, read, written
from pytest_deploy.recovery.sealed_file import Kept, sha256_of
from pytest_deploy.recovery.shelf import Shelf, problems_of
from pytest_deploy.recovery.taking import Backup
from tests.integration.elsewhere import running
from tests.recovery import whole_app
from tests.recovery.s3 import ACCESS, SECRET, bucket_at, serving
from tests.recovery.whole_app import WholeApp, bound
from tests.recovery.wire import Answers, CutsShort, Wire

RECIPIENT = "age1t993xqkutt4cs5cvp6yhg8vgxt57qe5nxht4rawwfe8dl6324vuq49zs4p"
SETTINGS = BackupSettings(recipients=(RECIPIENT,))
CONTENT = bytes(range(256)) * 900
PUT = re.compile(rb"PUT /")
PUT_MANIFEST = re.compile(rb"PUT /[^ ]*backup\.json")
GET_DATABASE = re.compile(rb"GET /[^ ]*database\.tar\.age")
ANOTHER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\notros"


def refusal(status, code):
    body = f"<Error><Code>{code}</Code><Message>{SECRET}</Message></Error>".encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/xml\r\nConnection: close\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.fixture(scope="module")
def service():
    with serving() as made:
        yield made


@pytest.fixture
def line(service):
    with Wire("127.0.0.1", service.port) as wire:
        yield wire


def backup(folder, name, taken_at="2026-01-01T00:00:00+00:00"):
    """Make one as it would be taken."""
    made = folder / name
    made.mkdir(parents=True)
    path = made / DATABASE
    path.write_bytes(CONTENT + name.encode())
    kept = Kept(DATABASE, path.stat().st_size, sha256_of(path))
    manifest = Manifest("app", "production", "p", taken_at, 18, ("public",), (kept,))
    (made / MANIFEST).write_text(written(manifest))
    return Backup(made, manifest)


def name_of(day):
    return f"202601{day:02}-000000-000"


def test_it_is_whole_on_a_machine_that_has_nothing(service, tmp_path):
    """Byte for byte, for its owner alone; what is here already is not brought again."""
    bucket = bucket_at(service.port, service.made())
    sent = backup(tmp_path / "here", name_of(1))
    assert Shelf(tmp_path / "here", bucket).keep(sent, 3) == ()
    elsewhere = Shelf(tmp_path / "elsewhere", bucket)
    (found,) = elsewhere.found()
    assert found.manifest == sent.manifest
    folder = elsewhere.brought(name_of(1))
    assert folder == tmp_path / "elsewhere" / name_of(1)
    for name in (DATABASE, MANIFEST):
        assert (folder / name).read_bytes() == (sent.folder / name).read_bytes()
        assert (folder / name).stat().st_mode & 0o777 == 0o600
    before = (folder / DATABASE).stat().st_ino
    assert elsewhere.brought(name_of(1)) == folder
    assert (folder / DATABASE).stat().st_ino == before
    for damaged in (DATABASE, MANIFEST):
        (folder / damaged).write_bytes(b"damaged here")
        assert problems_of(elsewhere.brought(name_of(1)), sent.manifest) == ()
        assert read(folder) == sent.manifest


def test_the_oldest_go_there_too(service, tmp_path):
    """Damaged ones stay to be looked at, those of another env are no concern of ours."""
    name = service.made()
    bucket, others = (bucket_at(service.port, name, env=env) for env in ("production", "otra"))
    Shelf(tmp_path / "otra", others).keep(backup(tmp_path / "otra", name_of(1)), 1)
    shelf = Shelf(tmp_path / "here", bucket)
    gone = [shelf.keep(backup(tmp_path / "here", name_of(day)), 2) for day in (1, 2, 3, 4)]
    assert gone == [(), (), (name_of(1),), (name_of(2),)]
    assert [one.folder.name for one in shelf.found()] == [name_of(4), name_of(3)]
    service.delete(name, f"osyris/production/{name_of(3)}/{MANIFEST}")
    assert shelf.keep(backup(tmp_path / "here", name_of(5)), 1) == (name_of(3), name_of(4))
    assert set(bucket.names()) == {name_of(3), name_of(5)}
    assert set(others.names()) == {name_of(1)}
    service.put(name, f"osyris/production/{name_of(5)}/{MANIFEST}", b"{")
    assert shelf.keep(backup(tmp_path / "here", name_of(6)), 1) == (name_of(5),)
    assert set(bucket.names()) == {name_of(3), name_of(5), name_of(6)}


def test_what_is_wrong_with_it_is_told_apart(service, tmp_path):
    """Half sent, changed, another content: none of them is taken for a backup."""
    name = service.made()
    shelf = Shelf(tmp_path / "here", bucket_at(service.port, name))
    for day in (1, 2, 3):
        shelf.keep(backup(tmp_path / "here", name_of(day)), 9)
    root = "osyris/production"
    service.delete(name, f"{root}/{name_of(1)}/{MANIFEST}")
    changed = service.get(name, f"{root}/{name_of(2)}/{MANIFEST}").replace(b'"app"', b'"otra"', 1)
    service.put(name, f"{root}/{name_of(2)}/{MANIFEST}", changed)
    service.put(name, f"{root}/{name_of(3)}/{DATABASE}", CONTENT)
    there = Shelf(tmp_path / "there", shelf.bucket)
    said = {one.folder.name: one.problem for one in there.found()}
    assert "without backup.json" in said[name_of(1)]
    assert "as it was written" in said[name_of(2)]
    problems = backup_is_fresh(there.found(), SETTINGS).problems
    assert any(name_of(1) in problem for problem in problems)
    with pytest.raises(BackupError, match=r"without backup\.json"):
        there.brought(name_of(1))
    (whole,) = [one for one in there.found() if one.manifest]
    told = problems_of(there.brought(whole.folder.name), whole.manifest)
    assert told
    assert told[0].startswith(DATABASE)


def test_names_that_lead_elsewhere_are_not_ours(service, tmp_path):
    """A key may hold dots and slashes; a folder here must not follow them."""
    name = service.made()
    for key in ("../x/backup.json", "..//backup.json", f"{name_of(1)}/../../x", "x/backup.json"):
        service.put(name, f"osyris/production/{key}", b"{}")
    bucket = bucket_at(service.port, name)
    assert bucket.names() == {}
    with pytest.raises(BackupError, match=r"without backup\.json"):
        Shelf(tmp_path / "a" / "b", bucket).brought("..")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "fault",
    [
        lambda: Answers(PUT, refusal(503, "SlowDown"), 2),
        lambda: Answers(PUT, refusal(500, "InternalError"), 2),
        lambda: Answers(PUT, None, 2),
        lambda: CutsShort(GET_DATABASE, 100, 1),
        lambda: CutsShort(GET_DATABASE, 1000, 1),
        lambda: Answers(GET_DATABASE, None, 2),
    ],
    ids=["503", "500", "hangs up", "cuts a head short", "cuts a body short", "answers nothing"],
)
def test_what_the_service_does_for_a_moment_is_tried_again(service, line, tmp_path, fault):
    """And what is there then is what was sent."""
    name = service.made()
    sent = backup(tmp_path / "here", name_of(1))
    with line.faulty(fault()) as happened:
        Shelf(tmp_path / "here", bucket_at(line.port, name)).keep(sent, 3)
    assert happened.left == 0, "the fault never came"
    content = service.objects(name)[f"osyris/production/{name_of(1)}/{DATABASE}"]
    assert content == (sent.folder / DATABASE).read_bytes()


@pytest.mark.parametrize(
    ("fault", "seen", "left"),
    [
        (Answers(PUT_MANIFEST, refusal(403, "AccessDenied"), 99), "seen 403 AccessDenied", 1),
        (Answers(PUT, refusal(403, "InvalidAccessKeyId"), 99), "seen 403 InvalidAccessKeyId", 0),
        (Answers(GET_DATABASE, ANOTHER, 99), "as it was sent, seen another content", 1),
        (Answers(PUT, None, 99), "seen ConnectionClosedError", 0),
    ],
)
def test_what_cannot_be_kept_is_no_backup(service, line, tmp_path, fault, seen, left):
    """The error names what and where, and quotes nothing; `backup.json` never got there."""
    name = service.made()
    shelf = Shelf(tmp_path / "here", bucket_at(line.port, name))
    with line.faulty(fault), pytest.raises(BackupError) as failed:
        shelf.keep(backup(tmp_path / "here", name_of(1)), 3)
    assert seen in str(failed.value)
    assert f"s3://{name}/osyris/production" in str(failed.value)
    said = "".join(traceback.format_exception(failed.value))
    assert SECRET not in said
    assert ACCESS not in said
    assert len(service.objects(name)) == left
    assert [one.manifest for one in shelf.found()] == [None] * left


def test_a_bucket_that_stops_answering_is_no_older_backup(service, line, tmp_path):
    """Else the newest would be passed over, and another one drilled in its place."""
    shelf = Shelf(tmp_path / "here", bucket_at(line.port, service.made()))
    for day in (1, 2):
        shelf.keep(backup(tmp_path / "here", name_of(day)), 9)
    newest = re.compile(f"GET /[^ ]*{name_of(2)}/backup".encode())
    refused = Answers(newest, refusal(403, "AccessDenied"), 99)
    with line.faulty(refused), pytest.raises(BackupError, match="403 AccessDenied"):
        shelf.found()


def test_a_copy_that_is_broken_off_leaves_nothing_here(service, line, tmp_path):
    """Nor does it take the place of what is here."""
    name = service.made()
    Shelf(tmp_path / "here", bucket_at(service.port, name)).keep(
        backup(tmp_path / "here", name_of(1)), 3
    )
    there = Shelf(tmp_path / "there", bucket_at(line.port, name))
    with (
        line.faulty(Answers(GET_DATABASE, refusal(403, "AccessDenied"), 99)),
        pytest.raises(BackupError, match="403 AccessDenied"),
    ):
        there.brought(name_of(1))
    assert list((tmp_path / "there").iterdir()) == []


@pytest.mark.parametrize("what", ["no bucket", "nobody listens"])
def test_a_bucket_that_is_not_there_is_told(service, tmp_path, what):
    """Not green, and not an empty list either."""
    port = service.port if what == "no bucket" else free_port()
    seen = "404 NoSuchBucket" if what == "no bucket" else "EndpointConnectionError"
    shelf = Shelf(tmp_path, bucket_at(port, "no-hay"))
    for do in (shelf.found, lambda: shelf.brought(name_of(1))):
        with pytest.raises(BackupError, match=f"expected to list what is there, seen {seen}"):
            do()


BACKUP = """
[backup]
recipients = ["{recipient}"]
identity = "env:BACKUP_KEY"
[backup.bucket]
name = "{bucket}"
endpoint = "http://127.0.0.1:{port}"
access_key = "env:BUCKET_KEY"
secret_key = "env:BUCKET_SECRET"
"""


@pytest.fixture
def app(server, service, tmp_path, monkeypatch):
    """An app that keeps its backups in a bucket, with its project."""
    name = service.made()
    identity = pyrage.x25519.Identity.generate()
    told = BACKUP.format(recipient=identity.to_public(), bucket=name, port=service.port)
    monkeypatch.setattr(whole_app, "CONFIGURATION", whole_app.CONFIGURATION + told)
    with api_roles(server), running(server) as project:
        made = WholeApp.made(tmp_path / "app", keys.new_key())
        bound(made, project, server.port, urlsplit(project.url).port)
        more = {"BACKUP_KEY": str(identity), "BUCKET_KEY": ACCESS, "BUCKET_SECRET": SECRET}
        made.variables = {**made.variables, **more}
        made.bucket = name
        yield made


def test_a_night_with_nothing_but_the_bucket(app, service):
    """Deployed, kept there, drilled from there elsewhere; gone there, the night is red."""
    for phase in ("predeploy", "deploy"):
        code, said = app.ended(*app.phase_of(phase))
        assert code == 0, said
    kept = [key for key in service.objects(app.bucket) if key.endswith(MANIFEST)]
    assert len(kept) == 1
    assert kept[0].startswith("production/")
    shutil.rmtree(app.folder / ".deploy" / "backups")
    for what in (("list",), ("check",)):
        code, said = app.ended("pytest_deploy", "backup", *what, "--env=production")
        assert code == 0, said
        assert kept[0].split("/")[1] in said
    code, said = app.ended(*app.phase_of("nightly"))
    assert code == 0, said
    service.put(app.bucket, kept[0].replace(MANIFEST, DATABASE), b"age-encryption.org/v1\n")
    shutil.rmtree(app.folder / ".deploy" / "backups")
    code, said = app.ended(*app.phase_of("nightly"))
    assert code == 1, said
    assert "database.tar.age: cut off" in said
    for path in (app.folder / ".deploy").rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes()
    assert SECRET not in said
    app.undone()
