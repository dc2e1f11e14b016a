"""Has the source changed since its snapshot: rows and files are seen, bookkeeping is not."""

import os
import sqlite3

import pytest

from pytest_deploy.transfer.snapshot import take
from pytest_deploy.transfer.unchanged import changes_since


@pytest.fixture(params=["DELETE", "WAL"])
def app(tmp_path, request):
    """A database, with rows in its WAL where it has one, and two uploads."""
    path, uploads = tmp_path / "app.db", tmp_path / "uploads"
    uploads.mkdir()
    for name in ("a.txt", "b.txt"):
        (uploads / name).write_text(name)
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA journal_mode = {request.param}")
    connection.executescript("CREATE TABLE cosas (n); INSERT INTO cosas VALUES (1), (2);")
    yield path, uploads, connection
    connection.close()


def looked_at(app, tmp_path):
    """Take a snapshot, and give what tells of changes since."""
    path, uploads, _ = app
    snapshot = take(path, tmp_path / "first", uploads=uploads)
    return lambda: changes_since(snapshot, path, uploads, tmp_path / "again")


def test_nothing_has_changed(app, tmp_path):
    """Looking twice finds nothing, and leaves no second copy."""
    again = looked_at(app, tmp_path)
    assert again() == ()
    assert again() == ()
    assert list((tmp_path / "again").iterdir()) == []


def test_folding_a_journal_in_is_no_change(app, tmp_path):
    """An app that is stopped folds its WAL into the database: no row is another one."""
    again = looked_at(app, tmp_path)
    app[2].execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    app[2].close()
    assert again() == ()


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO cosas VALUES (3)",
        "UPDATE cosas SET n = 7 WHERE n = 2",
        "DELETE FROM cosas WHERE n = 1",
        "CREATE TABLE otra (n)",
    ],
)
def test_a_write_is_seen(app, tmp_path, statement):
    """However small."""
    again = looked_at(app, tmp_path)
    app[2].execute(statement)
    app[2].commit()
    assert again() == ("the database: somebody has written to it",)


def test_changed_uploads_are_counted_and_not_named(app, tmp_path):
    """New, gone, and written again."""
    again, uploads = looked_at(app, tmp_path), app[1]
    (uploads / "secreta.txt").write_text("x")
    (uploads / "a.txt").unlink()
    os.utime(uploads / "b.txt", ns=(1, 1))
    assert again() == ("the uploads: 1 new, 1 gone, 1 written again",)
