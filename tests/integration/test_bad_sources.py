"""Sources that are no database, or a strange one: one clear error, or a snapshot all the same."""

import gzip
import os
import random
import resource
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing

import pytest

from pytest_deploy.errors import SourceError
from pytest_deploy.transfer.snapshot import take

SECRET = "Maria Garcia"
HEADER = b"SQLite format 3\0"


@pytest.fixture
def path(tmp_path):
    """Where the source stands."""
    folder = tmp_path / "app"
    folder.mkdir()
    return folder / "source.db"


def make(path, script, prepare=lambda connection: None):
    """Make a database."""
    with closing(sqlite3.connect(path)) as connection:
        prepare(connection)
        connection.executescript(script)
    return path


def zipped(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("osyris.db", HEADER)


def state(path):
    """Names, sizes and times of all that stands where the source does."""
    return [(p.name, p.lstat().st_size, p.lstat().st_mtime_ns) for p in path.parent.iterdir()]


BAD = {
    "missing": (lambda path: None, "seen no file"),
    "folder": (lambda path: path.mkdir(), "seen a folder"),
    "0 bytes": (lambda path: path.touch(), "seen an empty file"),
    "SQL dump": (lambda path: path.write_text("CREATE TABLE año (x);\n" * 500), "seen a text file"),
    "text cut in a letter": (lambda path: path.write_text("x" + "ñ" * 4096), "seen a text file"),
    "SQLCipher": (
        lambda path: path.write_bytes(random.Random(7).randbytes(8192)),
        "seen an encrypted file",
    ),
    "other binary": (lambda path: path.write_bytes(b"\x7fELF\0\0\0\1" * 99), "another kind of bin"),
    "Latin-1": (lambda path: path.write_bytes(b"a\xf1o " * 99), "another kind of binary"),
    "gzip": (lambda path: path.write_bytes(gzip.compress(b"x" * 9999)), "compressed file (gzip)"),
    "zip": (zipped, "compressed file (zip)"),
    "pipe": (os.mkfifo, "seen a pipe"),
    "header only": (lambda path: path.write_bytes(HEADER), "seen one that SQLite cannot read"),
    "no tables": (
        lambda path: make(path, "CREATE VIEW v AS SELECT 1 AS x;"),
        "seen a database without any",
    ),
    "broken link": (lambda path: path.symlink_to("nowhere"), "seen no file"),
}


@pytest.mark.parametrize(("prepare", "said"), BAD.values(), ids=BAD)
def test_file_that_is_no_source_is_told(path, folder, prepare, said):
    """What was seen in its place, where it is configured, and the file stays as it was."""
    prepare(path)
    before = state(path)
    with pytest.raises(SourceError) as refused:
        take(path, folder, uploads=None)
    error = refused.value
    assert said in error.problem
    assert str(path) in error.subject
    assert "[source] database" in error.where
    assert error.remedy
    assert state(path) == before


def test_file_that_may_not_be_read_is_told(path, folder):
    """Which right is missing; said by an account that lacks it."""
    make(path, "CREATE TABLE t (x);")
    path.chmod(0)
    code = """
import os, sys
from pathlib import Path
from pytest_deploy.transfer.sqlite_file import inspect
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    inspect(Path(sys.argv[1]))
except Exception as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert "SourceError" in done.stdout
    assert "cannot be read: Permission denied" in done.stdout


@pytest.fixture
def large(path):
    """A database of many pages, whose rows hold a name."""
    script = f"""
        CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT);
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000)
        INSERT INTO t SELECT i, '{SECRET} ' || i FROM n;
        CREATE INDEX by_name ON t (name);
    """
    return make(path, script)


@pytest.mark.parametrize("left", [0.02, 0.5, 0.99])
def test_truncated_database_is_told(large, folder, left):
    """Wherever it was cut."""
    size = int(large.stat().st_size * left)
    os.truncate(large, size)
    with pytest.raises(SourceError, match="cannot read") as refused:
        take(large, folder, uploads=None)
    assert SECRET not in str(refused.value)
    assert not list(folder.iterdir())


def test_damaged_page_is_told(large, folder):
    """Rows that cannot be read end the run; what SQLite says of them is not shown."""
    with large.open("r+b") as file:
        file.seek(large.stat().st_size // 2 // 4096 * 4096)
        file.write(b"\xff" * 4096)
    with pytest.raises(SourceError, match="SQLITE_CORRUPT") as refused:
        take(large, folder, uploads=None)
    assert SECRET not in str(refused.value)


def writable(connection):
    connection.executescript("PRAGMA writable_schema = ON; PRAGMA ignore_check_constraints = ON;")


BROKEN_RULES = f"""
CREATE TABLE t (id INTEGER PRIMARY KEY, n TEXT, age INTEGER CHECK (age > 0));
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
INSERT INTO t SELECT i, NULL, -i FROM n;
INSERT INTO t (n, age) VALUES ('{SECRET}', '{SECRET}');
UPDATE sqlite_schema SET sql = replace(sql, 'n TEXT', 'n TEXT NOT NULL');
"""


def test_broken_rules_are_not_damage(path, folder):
    """NULL in NOT NULL and a violated CHECK are findings elsewhere."""
    make(path, BROKEN_RULES, writable)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("NULL value in t.n",)
    assert take(path, folder, uploads=None).integrity == ()


def test_broken_rules_do_not_hide_damage(path, folder):
    """Hundreds of them, and then one index without a row."""
    index_without_a_row = """
        CREATE TABLE z (x);
        INSERT INTO z VALUES (1), (2);
        CREATE INDEX zx ON z (x) WHERE x > 1;
        UPDATE sqlite_schema SET sql = replace(sql, 'x > 1', 'x > 0') WHERE name = 'zx';
    """
    make(path, index_without_a_row + BROKEN_RULES, writable)
    with closing(sqlite3.connect(path)) as connection:
        assert len(connection.execute("PRAGMA integrity_check(500)").fetchall()) == 500
    assert take(path, folder, uploads=None).integrity == (
        "row 1 missing from index zx",
        "wrong # of entries in index zx",
    )


COLLATED = """
CREATE TABLE a (x TEXT COLLATE spanish, y TEXT COLLATE "my order", z TEXT COLLATE NOCASE);
CREATE TABLE k (x TEXT COLLATE 'backwards' PRIMARY KEY) WITHOUT ROWID;
CREATE INDEX i ON a (z COLLATE [other]);
INSERT INTO a VALUES ('b', 'b', 'b'), ('a', 'a', 'a');
INSERT INTO k VALUES ('a'), ('b'), ('c');
"""


def test_custom_collations_are_stood_in_for(path, folder):
    """However the name is quoted; what they put in order is not called damaged."""

    def prepare(connection):
        connection.create_collation("backwards", lambda one, other: (one < other) - (one > other))
        for name in ("spanish", "my order", "other"):
            connection.create_collation(name, lambda one, other: (one > other) - (one < other))

    make(path, COLLATED, prepare)
    snapshot = take(path, folder, uploads=None)
    assert snapshot.integrity == ()
    assert snapshot.collations == ("backwards", "my order", "other", "spanish")
    with closing(snapshot.connect()) as connection:
        assert connection.execute("SELECT x FROM a ORDER BY x").fetchall() == [("a",), ("b",)]
        assert connection.execute("SELECT y FROM a ORDER BY y").fetchall() == [("a",), ("b",)]
        assert len(connection.execute("SELECT x FROM k").fetchall()) == 3


@pytest.mark.parametrize(
    "script",
    [
        "CREATE TABLE t (x); CREATE INDEX i ON t (slug(x));",
        "CREATE TABLE t (x); CREATE INDEX i ON t (x) WHERE slug(x) = 'a';",
        "CREATE TABLE t (x, y AS (slug(x)) NOT NULL);",
        "CREATE TABLE t (x CHECK (slug(x) <> ''));",
    ],
    ids=["index", "partial index", "generated column", "check"],
)
def test_functions_of_the_app_do_not_hinder_the_check(path, folder, script):
    """SQLite cannot call what only the app has."""

    def prepare(connection):
        connection.create_function("slug", 1, lambda text: f"slug-{text}", deterministic=True)

    make(path, script + "INSERT INTO t (x) VALUES ('a'), ('b');", prepare)
    assert take(path, folder, uploads=None).integrity == ()


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
def test_encodings_of_sqlite_are_read(path, folder, encoding):
    """Names and texts come out the same."""
    script = (
        f"PRAGMA encoding = '{encoding}'; CREATE TABLE años (ñ); INSERT INTO años VALUES ('€');"
    )
    make(path, script)
    with closing(take(path, folder, uploads=None).connect()) as connection:
        assert connection.execute("SELECT ñ FROM años").fetchall() == [("€",)]


def test_text_that_is_not_utf8_is_read_as_asked(path, folder):
    """Strictly, it is refused; with a way of decoding, every byte survives."""
    make(path, "CREATE TABLE t (x); INSERT INTO t VALUES (CAST(x'61f16f' AS TEXT));")
    snapshot = take(path, folder, uploads=None)
    with (
        closing(snapshot.connect()) as connection,
        pytest.raises(sqlite3.OperationalError),
    ):
        connection.execute("SELECT x FROM t").fetchall()
    with closing(snapshot.connect(text_errors="surrogateescape")) as connection:
        (text,) = connection.execute("SELECT x FROM t").fetchone()
    assert text.encode(errors="surrogateescape") == b"a\xf1o"


@pytest.mark.parametrize("used", [False, True], ids=["copy", "backup"])
def test_no_room_for_the_copy_is_told(large, folder, used):
    """A limit on the size of files stands for a full disk; nothing is left of the copy."""
    code = """
import resource, sys
from pathlib import Path
from pytest_deploy.transfer.snapshot import take
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
try:
    take(Path(sys.argv[1]), Path(sys.argv[2]), uploads=None)
except Exception as error:
    print(error)
"""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    with closing(sqlite3.connect(large)) as connection:
        if used:
            connection.execute("BEGIN IMMEDIATE")
        command = [sys.executable, "-c", code, str(large), str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "SnapshotError" in done.stdout
    assert "could not be written" in done.stdout
    assert "make room there" in done.stdout
    assert not list(folder.iterdir())
