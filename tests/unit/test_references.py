"""References to uploads are found in whatever text they stand, and nothing else is touched."""

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_deploy.config.files import BucketSettings, FilesSettings
from pytest_deploy.errors import ConfigError, SourceError
from pytest_deploy.gates.references import nothing_else_is_adapted
from pytest_deploy.schema.sqlite import read_schema
from pytest_deploy.transfer.adapting import adapt
from pytest_deploy.transfer.manifest import places_of
from pytest_deploy.transfer.references import References
from pytest_deploy.transfer.rewriting import RewriteReferences
from pytest_deploy.transfer.snapshot import take

FILES = ("fotos/3.png", "documentos/autorizaci\u00f3n.pdf", "a b.png", "raro (1).png", "x.png")
SETTINGS = FilesSettings(buckets={"sub": BucketSettings()})
REFERENCES = References(places_of(FILES, SETTINGS), SETTINGS)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            '<a href="/uploads/documentos/autorizaci\u00f3n.pdf">',
            '<a href="sub/documentos/autorizacion.pdf">',
        ),
        (
            '<a href="/uploads/documentos/autorizaci%C3%B3n.pdf">',
            '<a href="sub/documentos/autorizacion.pdf">',
        ),
        (
            '<a href="/uploads/documentos/autorizaci&oacute;n.pdf">',
            '<a href="sub/documentos/autorizacion.pdf">',
        ),
        (
            '<a href="/uploads/documentos/autorizacio\u0301n.pdf">',
            '<a href="sub/documentos/autorizacion.pdf">',
        ),
        ("<img src=/uploads/x.png>", "<img src=sub/x.png>"),
        ("<img src='/uploads/a b.png' alt=''>", "<img src='sub/a-b.png' alt=''>"),
        (
            '<img srcset="/uploads/x.png 1x, /uploads/fotos/3.png 2x">',
            '<img srcset="sub/x.png 1x, sub/fotos/3.png 2x">',
        ),
        ('<p style="background:url(/uploads/x.png)">', '<p style="background:url(sub/x.png)">'),
        ('![f](/uploads/a%20b.png "un t\u00edtulo")', '![f](sub/a-b.png "un t\u00edtulo")'),
        ("![f](</uploads/a b.png>)", "![f](<sub/a-b.png>)"),
        ("[a](/uploads/raro%20(1).png)", "[a](sub/raro-1-.png)"),
        ("[id]: /uploads/x.png\nfin", "[id]: sub/x.png\nfin"),
        (
            '{"u": "\\/uploads\\/documentos\\/autorizaci\\u00f3n.pdf"}',
            '{"u": "sub/documentos/autorizacion.pdf"}',
        ),
        ('{"h": "<img src=\\"/uploads/a b.png\\">"}', '{"h": "<img src=\\"sub/a-b.png\\">"}'),
        ("/uploads/x.png?v=2#arriba", "sub/x.png?v=2#arriba"),
        ("mira /uploads/x.png.", "mira sub/x.png."),
        ("uploads/x.png", "sub/x.png"),
    ],
)
def test_a_reference_is_rewritten(before, after):
    """In HTML, Markdown, JSON and alone; quoted, escaped and encoded as it may be."""
    assert REFERENCES.rewrite(before)[0] == after


@pytest.mark.parametrize(
    "text",
    [
        "https://otra.example/uploads/x.png",
        "//otra.example/uploads/x.png",
        "/otra/uploads/x.png",
        "misuploads/x.png",
        "/uploads/",
        "/uploads/no-est\u00e1.png",
        "x.png",
    ],
)
def test_anything_else_stays(text):
    """Other addresses, other folders, and what names no file."""
    assert REFERENCES.rewrite(text)[0] == text


def test_a_reference_to_no_file_is_told():
    """Its place, and that there is none of that name."""
    ((one),) = REFERENCES.rewrite('<img src="/uploads/no-est\u00e1.png">')[1]
    assert (one.path, one.end - one.begin) == (None, len("/uploads/no-est\u00e1.png"))


def test_a_value_that_is_a_path_alone_needs_no_prefix():
    """As apps keep it that put the prefix before it when they show it."""
    assert REFERENCES.alone("fotos/3.png").path == "fotos/3.png"
    assert REFERENCES.alone("/uploads/fotos/3.png").path == "fotos/3.png"
    assert REFERENCES.alone("otra cosa") is None
    assert REFERENCES.alone("/uploads/nada.png").path is None


plain = st.text(st.characters(codec="utf-8", exclude_characters="/\\\"'<>()&%u"), max_size=30)


@given(st.lists(st.tuples(plain, st.sampled_from(FILES)), max_size=5), plain)
def test_all_of_them_are_found_and_the_rest_is_equal(parts, rest):
    """However many, with whatever between them."""
    before = "".join(f'{text}<i src="/uploads/{path}">' for text, path in parts) + rest
    after = "".join(f'{text}<i src="{REFERENCES.written(path)}">' for text, path in parts) + rest
    found = REFERENCES.rewrite(before)
    assert found[0] == after
    assert [one.path for one in found[1]] == [path for _, path in parts]
    assert REFERENCES.rewrite(after)[0] == after


SCHEMA = """
CREATE TABLE "las fotos" (ruta TEXT PRIMARY KEY, n INTEGER, doble AS (n * 2)) WITHOUT ROWID;
CREATE TABLE paginas (id INTEGER PRIMARY KEY, html TEXT CHECK (html NOT LIKE 'sub/%'), otra TEXT);
CREATE TRIGGER no_mires AFTER UPDATE ON paginas BEGIN UPDATE paginas SET otra = 'cambiada'; END;
INSERT INTO "las fotos" VALUES ('/uploads/x.png', 1), ('fotos/3.png', 2), ('/uploads/nada.png', 3);
INSERT INTO paginas VALUES (1, '/uploads/x.png', '/uploads/x.png'), (2, NULL, 'b'),
    (3, CAST(x'2f75706c6f6164732fff' AS TEXT), 'c'), (4, x'00ff', 'd'), (5, 'nada', 'e');
"""


@pytest.fixture
def snapshot(tmp_path):
    """A source with all that may be in the way."""
    connection = apsw.Connection(str(tmp_path / "app.db"))
    connection.execute(SCHEMA)
    connection.close()
    return take(tmp_path / "app.db", tmp_path / "copy", uploads=None)


def adapted(snapshot, folder, columns, texts=()):
    """Rewrite what is named."""
    settings = FilesSettings(buckets={"sub": BucketSettings()}, columns=columns, texts=texts)
    change = RewriteReferences(References(places_of(FILES, settings), settings), settings)
    return adapt(snapshot, [change], folder), change.told


def test_the_copy_has_them_and_the_snapshot_stays(snapshot, tmp_path):
    """Triggers and checks of the app stay out of it; what is no text in UTF-8 stays as it is."""
    before = snapshot.path.read_bytes()
    done, told = adapted(snapshot, tmp_path, ["las fotos.ruta"], ["paginas.html"])
    connection = done.snapshot.connect("replace")
    assert connection.execute('SELECT ruta FROM "las fotos" ORDER BY n').fetchall() == [
        ("sub/x.png",),
        ("sub/fotos/3.png",),
        ("/uploads/nada.png",),
    ]
    rows = connection.execute(
        "SELECT id, typeof(html), hex(html), otra FROM paginas ORDER BY id"
    ).fetchall()
    assert rows == [
        (1, "text", b"sub/x.png".hex().upper(), "/uploads/x.png"),
        (2, "null", "", "b"),
        (3, "text", "2F75706C6F6164732FFF", "c"),
        (4, "blob", "00FF", "d"),
        (5, "text", b"nada".hex().upper(), "e"),
    ]
    assert (done.changed, told.paths) == (3, {"x.png", "fotos/3.png"})
    assert dict(told.missing) == {"las fotos.ruta": 1}
    assert snapshot.path.read_bytes() == before
    verdict = nothing_else_is_adapted(done, read_schema(snapshot.connect()))
    assert (verdict.problems, verdict.examined > 0) == ((), True)


def test_a_change_that_nobody_named_is_seen(snapshot, tmp_path):
    """One cell of one row."""
    done, _ = adapted(snapshot, tmp_path, ["las fotos.ruta"])
    connection = apsw.Connection(str(done.snapshot.path))
    connection.execute("UPDATE paginas SET otra = 'B' WHERE id = 2")
    connection.close()
    assert nothing_else_is_adapted(done, read_schema(snapshot.connect())).problems


@pytest.mark.parametrize(
    ("column", "seen"),
    [("las fotos.doble", "computed"), ("las fotos.rutas", "none"), ("nada.nada", "none")],
)
def test_a_column_that_cannot_be_written_is_named(snapshot, tmp_path, column, seen):
    """Before anything is changed."""
    with pytest.raises(ConfigError, match=seen):
        adapted(snapshot, tmp_path, [column])


def test_two_rows_that_would_be_the_same_are_refused(snapshot, tmp_path):
    """A key stays a key."""
    connection = apsw.Connection(str(tmp_path / "app.db"))
    connection.execute("INSERT INTO \"las fotos\" VALUES ('x.png', 4)")
    connection.close()
    again = take(tmp_path / "app.db", tmp_path / "again", uploads=None)
    with pytest.raises(SourceError, match="ConstraintError"):
        adapted(again, tmp_path, ["las fotos.ruta"])
