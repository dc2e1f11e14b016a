"""The sample app: whole, the same every time, with a WAL that matters and files that open."""

import json
import re
import shutil
import sqlite3
import struct
import subprocess
import sys
import zlib

import bcrypt
import pytest

from sample import make
from sample.make import NotOursError
from sample.rows import PASSWORD

TABLES = {"secciones", "usuarios", "actividades", "documentos", "mensajes", "paginas"}
LARGEST_INDEX_ROW = 2_704


def opened(made, folder):
    """Open a copy of the database with its WAL: reading the original would change it."""
    for file in made.database.parent.glob("osyris.db*"):
        shutil.copyfile(file, folder / file.name)
    connection = sqlite3.connect(folder / "osyris.db")
    connection.create_collation("ESPANOL", lambda one, other: (one > other) - (one < other))
    return connection


def column(connection, sql):
    """Read the first column of all rows."""
    return [row[0] for row in connection.execute(sql)]


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    return make(tmp_path_factory.mktemp("clean") / "out", seed=7, scale=1)


@pytest.fixture(scope="module")
def dirty(tmp_path_factory):
    return make(tmp_path_factory.mktemp("dirty") / "out", seed=7, scale=1, dirty=True)


@pytest.fixture(scope="module")
def rows(clean, tmp_path_factory):
    connection = opened(clean, tmp_path_factory.mktemp("rows"))
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def dirty_rows(dirty, tmp_path_factory):
    connection = opened(dirty, tmp_path_factory.mktemp("dirty_rows"))
    yield connection
    connection.close()


def contents(made):
    """Read every file but the WAL, whose header SQLite salts at random."""
    out = made.database.parent
    found = (path for path in out.rglob("*") if path.is_file() and path.suffix != ".db-wal")
    return {path.relative_to(out): path.read_bytes() for path in found}


@pytest.mark.parametrize("is_dirty", [False, True])
def test_the_same_seed_makes_the_same_app(tmp_path, clean, dirty, is_dirty):
    """Main file, list of defects and uploads are equal to the byte."""
    again = make(tmp_path / "out", seed=7, scale=1, dirty=is_dirty)
    assert contents(again) == contents(dirty if is_dirty else clean)


def test_the_same_seed_makes_the_same_rows(tmp_path, rows):
    """Rows that only the WAL has are equal, too."""
    (tmp_path / "copy").mkdir()
    again = opened(make(tmp_path / "out", seed=7, scale=1), tmp_path / "copy")
    assert list(again.iterdump()) == list(rows.iterdump())
    again.close()


def test_another_seed_makes_another_app(tmp_path, clean):
    """The seed decides."""
    other = make(tmp_path / "out", seed=8, scale=1)
    assert other.database.read_bytes() != clean.database.read_bytes()


def test_the_schema_has_what_it_promises(rows):
    """Six tables, seven foreign keys, 30 indexes, 4 views, 3 triggers."""
    kinds = "SELECT type FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite~_%' ESCAPE '~'"
    counts = {kind: column(rows, kinds).count(kind) for kind in ("index", "view", "trigger")}
    assert counts == {"index": 30, "view": 4, "trigger": 3}
    tables = column(rows, f"SELECT name FROM sqlite_schema WHERE name IN {tuple(TABLES)}")
    assert set(tables) == TABLES
    keys = [rows.execute(f"PRAGMA foreign_key_list({table})").fetchall() for table in TABLES]
    assert sum(map(len, keys)) == 7


def test_the_clean_sample_keeps_every_rule(rows):
    """Neither damage, nor an orphan, nor a violated check."""
    assert column(rows, "PRAGMA integrity_check") == ["ok"]
    assert rows.execute("PRAGMA foreign_key_check").fetchall() == []


@pytest.mark.parametrize("made", ["clean", "dirty"])
def test_the_wal_matters(request, tmp_path, made):
    """A reader that ignores the WAL sees fewer rows."""
    summary = request.getfixturevalue(made)
    stale = sqlite3.connect(f"file:{summary.database}?mode=ro&immutable=1", uri=True)
    whole = opened(summary, tmp_path)
    count = " + ".join(f"(SELECT count(*) FROM {table})" for table in sorted(TABLES))
    (seen,), (all_of_them,) = column(stale, f"SELECT {count}"), column(whole, f"SELECT {count}")
    stale.close()
    whole.close()
    assert all_of_them == summary.rows
    assert all_of_them - seen == summary.rows_in_wal > 0


def test_all_links_lead_to_files(clean, rows):
    """Documents, photos and pages name files that are there, of the size they say."""
    links = set(column(rows, "SELECT foto FROM usuarios WHERE foto IS NOT NULL"))
    for html in column(rows, "SELECT contenido FROM paginas"):
        links.update(re.findall(r'href="(/uploads/[^"]+)"', html))
    documents = dict(rows.execute("SELECT ruta, tamaño_archivo FROM documentos"))
    assert len(documents) == clean.files
    assert links
    assert links <= set(documents)
    for path, size in documents.items():
        assert (clean.database.parent / path.lstrip("/")).stat().st_size == size


def test_images_open(clean):
    """Each PNG has its signature, whole chunks, and as many pixels as its header says."""
    images = list(clean.uploads.rglob("*.png"))
    assert images
    for image in images:
        raw = image.read_bytes()
        assert raw.startswith(b"\x89PNG\r\n\x1a\n")
        chunks, at = {}, 8
        while at < len(raw):
            (size,) = struct.unpack_from(">I", raw, at)
            kind, data = raw[at + 4 : at + 8], raw[at + 8 : at + 8 + size]
            assert struct.unpack_from(">I", raw, at + 8 + size) == (zlib.crc32(kind + data),)
            chunks[kind], at = data, at + 12 + size
        width, height = struct.unpack_from(">II", chunks[b"IHDR"])
        assert len(zlib.decompress(chunks[b"IDAT"])) == height * (1 + 3 * width)
        assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]


def test_documents_open(clean):
    """Each PDF has its header, and a table that leads to every object."""
    documents = list(clean.uploads.rglob("*.pdf"))
    assert documents
    for document in documents:
        raw = document.read_bytes()
        assert raw.startswith(b"%PDF-1.")
        start = int(re.search(rb"startxref\n(\d+)\n%%EOF\n$", raw).group(1))
        assert raw[start:].startswith(b"xref\n0 ")
        offsets = re.findall(rb"(\d{10}) 00000 n ", raw[start:])
        assert len(offsets) == raw.count(b"endobj")
        for number, offset in enumerate(offsets, 1):
            assert raw[int(offset) :].startswith(b"%d 0 obj\n" % number)


def test_eight_pages_are_too_large_for_their_index(rows):
    """Not even compressed do they fit an index row; all others are short."""
    sizes = [
        len(zlib.compress((title + text).encode()))
        for title, text in rows.execute("SELECT titulo, contenido FROM paginas")
    ]
    assert sum(size > LARGEST_INDEX_ROW for size in sizes) == 8
    assert sum(size < 1_000 for size in sizes) == len(sizes) - 8


def test_the_password_of_the_readme_is_right(rows):
    """The administrator can sign in with what the README says."""
    find = "SELECT contraseña_hash FROM usuarios WHERE email = 'admin@osyris.example' AND rol = 'admin'"
    (stored,) = column(rows, find)
    assert bcrypt.checkpw(PASSWORD, stored.encode())


def test_dates_come_in_two_forms(rows):
    """SQLite's form and JavaScript's."""
    forms = {re.sub(r"\d", "0", text) for text in column(rows, "SELECT creado_en FROM usuarios")}
    assert forms == {"0000-00-00 00:00:00", "0000-00-00T00:00:00.000Z"}


def test_triggers_do_what_they_say(tmp_path, clean):
    """A slug is validated, a publication dated, an update stamped."""
    connection = opened(clean, tmp_path)
    with pytest.raises(sqlite3.IntegrityError, match="slug"):
        connection.execute(
            "INSERT INTO paginas (slug, titulo, contenido, autor_id) VALUES ('Ñ!', '', '', 1)"
        )
    page = "INSERT INTO paginas (id, slug, titulo, contenido, autor_id) VALUES (9999, 'hoy', '', '', 1)"
    connection.execute(page)
    connection.execute("UPDATE paginas SET estado = 'publicada' WHERE id = 9999")
    assert column(connection, "SELECT publicado_en FROM paginas WHERE id = 9999") != [None]
    before = column(connection, "SELECT actualizado_en FROM usuarios WHERE id = 1")
    connection.execute("UPDATE usuarios SET telefono = '600000000' WHERE id = 1")
    assert column(connection, "SELECT actualizado_en FROM usuarios WHERE id = 1") != before
    connection.close()


def test_scale_100_makes_some_100_000_rows(tmp_path):
    """Large enough to measure with."""
    made = make(tmp_path / "out", seed=7, scale=100)
    assert 90_000 <= made.rows <= 110_000


def test_the_list_of_defects_is_written(dirty):
    """`defects.json` and the summary say the same, each thing once."""
    listed = json.loads((dirty.database.parent / "defects.json").read_text(encoding="utf-8"))
    assert tuple(listed) == dirty.defects
    assert len({(d["finding"], d["object"]) for d in listed}) == len(listed)
    for defect in listed:
        assert defect["how"].endswith(".")
        assert bool(defect["finding"]) == bool(defect["severity"])
        assert defect["planted"] in ("clean", "dirty")


@pytest.mark.parametrize(
    ("name", "sql"),
    [
        ("sucio_enteros.edad", "FROM sucio_enteros WHERE typeof(edad) = 'text'"),
        ("sucio_textos.nota", "FROM sucio_textos WHERE typeof(nota) = 'blob'"),
        ("sucio_mezcla.dato", "FROM sucio_mezcla WHERE typeof(dato) <> 'integer'"),
        ("sucio_dias.dia", "FROM sucio_dias WHERE dia = '0000-00-00'"),
        ("sucio_nul.texto", "FROM sucio_nul WHERE instr(texto, char(0))"),
        ("sucio_latin1.texto", "FROM sucio_latin1 WHERE hex(texto) = '4D75F16F7A'"),
        ("sucio_clave_nula", "FROM sucio_clave_nula WHERE a IS NULL OR b IS NULL"),
        (
            "sucio_huerfanos.padre_id",
            "FROM sucio_huerfanos WHERE padre_id NOT IN (SELECT id FROM sucio_padre)",
        ),
        (
            "sucio_huerfanos_obligados.padre_id",
            "FROM sucio_huerfanos_obligados WHERE padre_id NOT IN (SELECT id FROM sucio_padre)",
        ),
        ("sucio_cadena_1.nota", "FROM sucio_cadena_1 WHERE typeof(nota) = 'blob'"),
        ("sucio_regla.sucio_regla_check", "FROM sucio_regla WHERE NOT n > 0"),
        ("sucio_obligado.n", "FROM sucio_obligado WHERE typeof(n) = 'null'"),
    ],
)
def test_planted_rows_are_there(dirty, dirty_rows, name, sql):
    """The list counts what a plain query counts."""
    (listed,) = [defect["count"] for defect in dirty.defects if defect["object"] == name]
    assert column(dirty_rows, f"SELECT count(*) {sql}") == [listed]


def test_a_null_stands_in_a_not_null_column(dirty_rows):
    """The declaration and the row contradict each other."""
    (declared,) = column(dirty_rows, "SELECT sql FROM sqlite_schema WHERE name = 'sucio_obligado'")
    assert "NOT NULL" in declared


def test_the_dirty_sample_has_what_lies_beside_the_tables(dirty, dirty_rows):
    """A decoy, statistics, a sequence ahead of an empty table."""
    assert (dirty.database.parent / "osyris.sqlite3").stat().st_size == 0
    assert column(dirty_rows, "SELECT count(*) FROM sqlite_stat1")[0] > 0
    assert column(dirty_rows, "SELECT count(*) FROM sucio_vacia") == [0]
    assert column(dirty_rows, "SELECT seq FROM sqlite_sequence WHERE name = 'sucio_vacia'") == [41]


def command(*arguments):
    """Run the command as a person does."""
    return subprocess.run(
        [sys.executable, "-m", "sample", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_folder_of_its_own_is_made_anew(tmp_path):
    """The command says what it made, and may be repeated."""
    for _ in range(2):
        done = command("--dirty", tmp_path / "out")
        assert done.returncode == 0, done.stderr
        assert "1,000 rows in 6 tables" in done.stdout
        assert "defects.json" in done.stdout


def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    """What it did not make it does not overwrite."""
    (tmp_path / "thesis.txt").write_text("the only copy")
    done = command(tmp_path)
    assert done.returncode == 1
    assert "not made by this program" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("is_link", [False, True])
def test_what_is_no_folder_is_left_alone(tmp_path, is_link):
    """A file, or a link to a folder, is refused."""
    out = tmp_path / "out"
    if is_link:
        make(tmp_path / "real", seed=7, scale=1)
        out.symlink_to(tmp_path / "real")
    else:
        out.write_text("a file")
    with pytest.raises(NotOursError, match="not a folder"):
        make(out, seed=7, scale=1)


@pytest.mark.parametrize("arguments", [(), ("--scale", "0", "out"), ("--seed", "x", "out")])
def test_wrong_usage_is_explained(arguments):
    """A usage error, no traceback."""
    done = command(*arguments)
    assert done.returncode == 2
    assert "usage: python -m sample" in done.stderr
