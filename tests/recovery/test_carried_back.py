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
from tests.recovery.whole_app import MIGRATION, WholeApp, bound

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


def deployed_again(app):
    """Deploy a second release, with one row more, in the place of the first one."""
    app.settle(f'migration = "{MIGRATION}"\nretain_hours = 0.0')
    app.commit()
    code, said = app.ended("pytest_deploy", "release", "complete", "--env=production")
    assert code == 0, said
    app.write("INSERT INTO secciones (nombre) VALUES ('Ruta')")
    for phase in ("predeploy", "deploy"):
        code, said = app.ended(*app.phase_of(phase))
        assert code == 0, said


def secciones(app):
    """Look at a table of the project, and at the key that comes next."""
    with app.project.database.connect() as connection:
        found = connection.execute("SELECT id, nombre FROM secciones ORDER BY 1").fetchall()
        following = "INSERT INTO secciones (nombre) VALUES ('x') RETURNING id"
        (following,) = connection.execute(following).fetchone()
        connection.rollback()
    return found, following


def test_what_people_wrote_is_carried_over(app):
    """Into the former tables, without what their triggers did already; and it is kept, too."""
    deployed_again(app)
    with app.project.database.connect() as connection:
        connection.execute("UPDATE secciones SET nombre = 'Manada 2' WHERE id = 1")
        connection.execute("INSERT INTO secciones (nombre) VALUES ('Clan')")
        connection.execute(
            "INSERT INTO socios (correo, clave, seccion_id, edad)"
            " VALUES ('nueve@s.example', 'x', 1, 9)"
        )
        connection.execute("DELETE FROM avisos WHERE socio_id = 3")
        connection.execute("DELETE FROM socios WHERE correo = 'tres@s.example'")
        told = connection.execute("SELECT id, texto FROM avisos ORDER BY 1").fetchall()
    code, said = app.ended(*app.phase_of("rollback", "--carry-over"))
    assert code == 0, said
    # The row that the second release brought is not one that people wrote.
    assert secciones(app) == ([(1, "Manada 2"), (2, "Tropa"), (4, "Clan")], 5)
    with app.project.database.connect() as connection:
        assert connection.execute("SELECT id, texto FROM avisos ORDER BY 1").fetchall() == told
        socios = connection.execute("SELECT correo FROM socios ORDER BY 1").fetchall()
        enabled = connection.execute(
            "SELECT tgenabled::text FROM pg_trigger WHERE NOT tgisinternal"
            " AND tgrelid = 'public.socios'::regclass"
        ).fetchall()
    assert socios == [("dos@s.example",), ("nueve@s.example",), ("uno@s.example",)]
    assert enabled == [("O",)]


def test_what_is_in_the_way_carries_nothing_over(app):
    """All or nothing: a row that the former tables do not have names itself."""
    deployed_again(app)
    with app.project.database.connect() as connection:
        connection.execute("UPDATE secciones SET nombre = 'Manada 2' WHERE id = 1")
        connection.execute("UPDATE secciones SET nombre = 'Ruta 2' WHERE id = 3")
    code, said = app.ended(*app.phase_of("rollback", "--carry-over"))
    assert code == 1, said
    assert "secciones at id=3: no such former row" in said
    assert "Ruta 2" not in said
    assert secciones(app) == ([(1, "Manada"), (2, "Tropa")], 3)
