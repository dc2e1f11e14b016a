"""What people write after the first deployment goes back to SQLite and uploads, with the release."""

import sqlite3
import stat
from contextlib import closing
from urllib.parse import urlsplit

import httpx
import pytest

from pytest_deploy.engine import keys
from pytest_deploy.providers.supabase.roles import api_roles
from tests.integration.elsewhere import running
from tests.recovery.whole_app import WholeApp, bound

NEW_HASH = "$2b$04$nuevonuevonuevonuevonuEZ4g0l0fbbbt8lqXDD1l0zOQKjAVbjS"
OTHER_ID = "0e8f1d2c-3b4a-4596-8778-695a4b3c2d1e"
FOTO = b"foto nueva\n" * 77


@pytest.fixture
def app(server, tmp_path):
    """An app that stands on its project, where people have begun to work."""
    with api_roles(server), running(server) as project:
        made = WholeApp.made(tmp_path / "app", keys.new_key())
        bound(made, project, server.port, urlsplit(project.url).port)
        for phase in ("predeploy", "deploy"):
            code, said = made.ended(*made.phase_of(phase))
            assert code == 0, said
        made.project = project
        yield made


def rows(database, statement):
    """Ask a SQLite file."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return connection.execute(statement).fetchall()


def people_write(project):
    """Rows, files and passwords: some come, some change, some go."""
    with project.database.connect() as connection:
        connection.execute("UPDATE secciones SET nombre = 'Manada vieja' WHERE nombre = 'Manada'")
        connection.execute("INSERT INTO secciones (nombre) VALUES ('Manada'), ('Clan')")
        connection.execute("DELETE FROM avisos WHERE id = (SELECT min(id) FROM avisos)")
        connection.execute(
            "INSERT INTO socios (correo, clave, seccion_id, foto, edad, auth_user_id)"
            " VALUES ('cuatro@s.example', 'nunca', 2, 'fotos/nuevas/4.txt', 9, %s)",
            (OTHER_ID,),
        )
        connection.execute(
            "INSERT INTO auth.users (id, aud, role, email, encrypted_password)"
            " VALUES (%s, 'authenticated', 'authenticated', 'cuatro@s.example', %s)",
            (OTHER_ID, NEW_HASH),
        )
        connection.execute(
            "UPDATE auth.users SET encrypted_password = %s, email = 'otro@s.example'"
            " WHERE email = 'dos@s.example'",
            (NEW_HASH,),
        )
    key = project.secret_key.reveal()
    with httpx.Client(
        base_url=f"{project.url}/storage/v1/object",
        headers={"apikey": key, "Authorization": f"Bearer {key}"},
    ) as storage:
        text = {"content-type": "text/plain", "x-upsert": "true"}
        storage.post("/fotos/nuevas/4.txt", content=FOTO, headers=text).raise_for_status()
        storage.post("/fotos/fotos/1.txt", content=b"otra\n", headers=text).raise_for_status()
        gone = {"prefixes": ["fotos/3.txt"]}
        storage.request("DELETE", "/fotos", json=gone).raise_for_status()


def test_what_people_wrote_is_in_the_copy(app, tmp_path):
    """Row by row, file by file and password by password; the app's own data stay as they are."""
    before = (app.folder / "app.db").read_bytes()
    people_write(app.project)
    copy = tmp_path / "back"
    code, said = app.ended(*app.phase_of("rollback", f"--carry-back={copy}"))
    assert code == 0, said
    database = copy / "app.db"
    assert rows(database, "SELECT id, nombre FROM secciones ORDER BY 1") == [
        (1, "Manada vieja"),
        (2, "Tropa"),
        (3, "Manada"),
        (4, "Clan"),
    ]
    assert rows(database, "SELECT correo, clave, foto, edad FROM socios WHERE id IN (2, 4)") == [
        ("otro@s.example", NEW_HASH, "/uploads/fotos/2.txt", 12),
        ("cuatro@s.example", NEW_HASH, "/uploads/fotos/nuevas/4.txt", 9),
    ]
    assert rows(database, "SELECT count(*) FROM avisos") == [(3,)]  # one went, the trigger's came
    assert rows(database, "SELECT name FROM pragma_table_info('socios')") == rows(
        app.folder / "app.db", "SELECT name FROM pragma_table_info('socios')"
    )
    uploads = copy / "uploads"
    assert {str(path.relative_to(uploads)) for path in uploads.rglob("*") if path.is_file()} == {
        *("fotos/1.txt", "fotos/2.txt", "fotos/nuevas/4.txt", "suelto.txt"),
    }
    assert (uploads / "fotos/1.txt").read_bytes() == b"otra\n"
    assert (uploads / "fotos/nuevas/4.txt").read_bytes() == FOTO
    assert (app.folder / "app.db").read_bytes() == before
    assert (app.folder / "app.env").read_text() == "# la app\nMODO=sqlite\nOTRA='queda'\n"
    for path in (copy, *copy.rglob("*")):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path
    told = "".join(
        path.read_text(errors="replace")
        for path in (app.folder / ".deploy").rglob("*")
        if path.is_file() and path.suffix != ".age"
    )
    for secret in (NEW_HASH, "cuatro@s.example", "Manada vieja"):
        assert secret not in said + told


def test_a_folder_with_something_in_it_is_refused(app, tmp_path):
    """Before anything is changed: the release stands."""
    (tmp_path / "hay").mkdir()
    (tmp_path / "hay/algo").touch()
    code, said = app.ended(*app.phase_of("rollback", f"--carry-back={tmp_path / 'hay'}"))
    assert code != 0
    assert "expected a folder that is new or empty, seen files in it" in said
    with app.project.database.connect() as connection:
        assert connection.execute("SELECT count(*) FROM secciones").fetchone() == (2,)
