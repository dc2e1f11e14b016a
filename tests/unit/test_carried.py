"""References and files on their way back, and what the gate says of a copy."""

import sqlite3
from contextlib import closing

import pytest

from pytest_deploy.carrying.files import path_of
from pytest_deploy.carrying.references import ReferencesBack
from pytest_deploy.carrying.writing import left_to_the_app, writing
from pytest_deploy.config.files import FilesSettings
from pytest_deploy.schema.sqlite import read_schema
from pytest_deploy.transfer.manifest import Place
from pytest_deploy.transfer.references import References
from pytest_deploy.transfer.snapshot import take

SETTINGS = FilesSettings.model_validate(
    {
        "columns": ["t.foto"],
        "texts": ["t.cuerpo"],
        "buckets": {"fotos": {"paths": ["fotos/*"]}, "otros": {}},
    }
)
PLACES = {
    "fotos/día 1.jpg": Place("fotos", "fotos/dia-1.jpg"),
    "fotos/a.jpg": Place("fotos", "fotos/a.jpg"),
    'raro "x".txt': Place("otros", "raro-x-.txt"),
}
BACK, FORTH = ReferencesBack(PLACES, SETTINGS), References(PLACES, SETTINGS)


@pytest.mark.parametrize(
    ("column", "text", "back"),
    [
        ("t.foto", "fotos/fotos/a.jpg", "/uploads/fotos/a.jpg"),
        ("t.foto", "fotos/fotos/dia-1.jpg?w=9", "/uploads/fotos/día 1.jpg?w=9"),
        ("t.foto", "fotos/fotos/nadie.jpg", "fotos/fotos/nadie.jpg"),
        ("t.otra", "fotos/fotos/a.jpg", "fotos/fotos/a.jpg"),
        ("t.cuerpo", "mira fotos/fotos/a.jpg.", "mira /uploads/fotos/a.jpg."),
        ("t.cuerpo", "https://x.example/fotos/fotos/a.jpg", "https://x.example/fotos/fotos/a.jpg"),
        (
            "t.cuerpo",
            '<img src="fotos/fotos/dia-1.jpg"> y <a href="otros/raro-x-.txt">',
            '<img src="/uploads/fotos/d%C3%ADa%201.jpg"> y <a href="/uploads/raro%20%22x%22.txt">',
        ),
    ],
)
def test_a_reference_is_the_apps_again(column, text, back):
    """And what is written so leads to the same object on the way forth."""
    assert BACK.back(column, text) == back
    if column == "t.cuerpo":
        assert FORTH.rewrite(back)[0] == text


@pytest.mark.parametrize(
    ("place", "path"),
    [
        (Place("fotos", "fotos/b.jpg"), "fotos/b.jpg"),
        (Place("otros", "b.txt"), "b.txt"),
        (Place("otros", "fotos/b.jpg"), "otros/fotos/b.jpg"),
        (Place("fotos", "b.jpg"), "fotos/b.jpg"),
        (Place("otros", "../../etc/passwd"), "otros/3754d6cb3a"),
    ],
)
def test_a_new_file_gets_a_path_within_the_folder(place, path):
    """One that leads to its place again where there is one, and never one outside."""
    assert path_of(place, {}, SETTINGS) == path


def test_a_new_file_never_takes_thepath_of_another():
    """Two objects of one name in two buckets are two files."""
    taken = {"b.txt": Place("otros", "b.txt")}
    assert path_of(Place("fotos", "b.txt"), taken, SETTINGS) == "fotos/b.txt"
    taken |= {"fotos/b.txt": Place("fotos", "fotos/b.txt")}
    assert path_of(Place("fotos", "b.txt"), taken, SETTINGS) not in taken


def test_what_only_the_app_can_do_is_told(tmp_path):
    """Which index its own function fills, and which virtual table; a search table is built anew."""
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.create_function("propia", 1, str, deterministic=True)
        connection.executescript(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a VARCHAR(9));"
            "CREATE INDEX por_propia ON t (propia(a)); CREATE INDEX por_a ON t (upper(a));"
            "CREATE VIRTUAL TABLE zonas USING rtree (id, x, y);"
            "CREATE VIRTUAL TABLE busca USING fts5 (a, content='t', content_rowid='id');"
        )
    raw = take(path, tmp_path / "snapshot", uploads=None)
    virtual = read_schema(raw.connect()).virtual_tables
    with writing(path, raw) as copy:
        copy.execute("INSERT INTO t VALUES (1, 'hola')")
        told = left_to_the_app(copy, virtual, ("ES",))
    assert told == ("build zonas anew", "REINDEX ES", "REINDEX por_propia")
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT rowid FROM busca WHERE busca MATCH 'hola'").fetchall()
    assert found == [(1,)]
