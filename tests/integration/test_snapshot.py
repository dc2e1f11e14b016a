"""The snapshot holds what the app would read, and the original does not notice."""

import hashlib
import pickle
import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime

import pytest
from source_processes import KILLED, WAL, living, rows, run, seen

from pytest_deploy.errors import SnapshotError, SourceError
from pytest_deploy.transfer.snapshot import take
from pytest_deploy.transfer.sqlite_file import decoys

# A cache of one page spills into the file while the transaction is open.
HALF_DONE = """
db.execute("PRAGMA cache_size = 1")
db.execute("BEGIN")
db.execute("UPDATE t SET x = upper(x)")
"""


@pytest.mark.parametrize(
    ("code", "endings", "content"),
    [
        ("", {""}, (500, "row 99 " + "x" * 90)),
        (WAL + KILLED, {"", "-wal", "-shm"}, (501, "row 99 " + "x" * 90)),
        (HALF_DONE + KILLED, {"", "-journal"}, (500, "row 99 " + "x" * 90)),
    ],
    ids=["clean", "WAL of a killed process", "hot journal"],
)
def test_original_is_copied_and_stays_as_it_was(original, folder, code, endings, content):
    """What a killed process left is in the copy; bytes, times and files of the original stay."""
    run(code, original)
    before = seen(original)
    assert set(before) == {original.name + ending for ending in endings}
    snapshot = take(original, folder, uploads=None)
    assert seen(original) == before
    assert (snapshot.method, snapshot.integrity) == ("copy", ())
    assert rows(snapshot, "SELECT count(*), max(x) FROM t") == content


def test_hot_journal_matters(original, tmp_path):
    """Without it the half-done transaction would be read: the case above is a real one."""
    run(HALF_DONE + KILLED, original)
    bare = shutil.copyfile(original, tmp_path / "bare.db")
    with closing(sqlite3.connect(bare)) as connection:
        said = connection.execute("SELECT count(*) FROM t WHERE x = upper(x)")
        assert said.fetchone()[0] > 0


@pytest.mark.parametrize("code", [WAL + KILLED, HALF_DONE + KILLED], ids=["WAL", "journal"])
def test_copy_is_one_file(original, folder, code):
    """WAL and journal are folded in, and it needs none to be read."""
    run(code, original)
    snapshot = take(original, folder, uploads=None)
    rows(snapshot)
    assert list(folder.iterdir()) == [snapshot.path]
    # Source: https://www.sqlite.org/fileformat2.html#file_format_version_numbers
    assert snapshot.path.read_bytes()[18:20] == b"\1\1"


def test_database_that_changes_while_it_is_copied_is_backed_up(original, folder):
    """A writer that holds no lock before and after is noticed by what it did to the file."""
    run("", original)
    code = """
import sqlite3, sys
from contextlib import closing
from pathlib import Path
from pytest_deploy.transfer.snapshot import take
def write(event, _):
    if event == "shutil.copyfile":
        with closing(sqlite3.connect(sys.argv[1], isolation_level=None)) as app:
            app.execute("INSERT INTO t (x) VALUES ('in between')")
sys.addaudithook(write)
snapshot = take(Path(sys.argv[1]), Path(sys.argv[2]), uploads=None)
with closing(snapshot.connect()) as connection:
    print(snapshot.method, *connection.execute("SELECT x FROM t WHERE id = 501").fetchone())
"""
    command = [sys.executable, "-c", code, str(original), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "backup in between\n"


def test_wal_is_found_through_a_symbolic_link(original, folder, tmp_path):
    """SQLite keeps it beside the file that the link leads to."""
    run(WAL + KILLED, original)
    link = tmp_path / "link.db"
    link.symlink_to(original)
    assert rows(take(link, folder, uploads=None)) == (501,)


def test_read_only_folder_is_left_alone(original, folder):
    """Even where the account could write: names and times stay."""
    run(WAL + KILLED, original)
    original.parent.chmod(0o555)
    before, times = seen(original), original.parent.stat().st_mtime_ns
    assert rows(take(original, folder, uploads=None)) == (501,)
    assert (seen(original), original.parent.stat().st_mtime_ns) == (before, times)
    original.parent.chmod(0o755)


def test_copy_is_private_and_cannot_be_written(original, folder):
    """It holds personal data."""
    run(WAL + KILLED, original)
    original.chmod(0o644)
    snapshot = take(original, folder, uploads=None)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(snapshot.path.stat().st_mode) == 0o600
    with (
        closing(snapshot.connect()) as connection,
        pytest.raises(sqlite3.OperationalError, match="readonly"),
    ):
        connection.execute("DELETE FROM t")


def test_snapshot_says_what_it_is(original, folder):
    """When, how large, which bytes; and it can be sent to another process."""
    run("", original)
    snapshot = take(original, folder, uploads=None)
    assert snapshot.taken_at.tzinfo is UTC
    assert abs((datetime.now(UTC) - snapshot.taken_at).total_seconds()) < 60
    assert snapshot.size_bytes == original.stat().st_size
    assert snapshot.fingerprint == hashlib.sha256(snapshot.path.read_bytes()).hexdigest()
    assert pickle.loads(pickle.dumps(snapshot)) == snapshot


def test_uploads_are_listed(original, folder, tmp_path):
    """Sorted, by relative path, with size and time; links are not followed."""
    run("", original)
    uploads = tmp_path / "uploads"
    (uploads / "docs/año").mkdir(parents=True)
    (uploads / "z.png").write_bytes(b"png")
    (uploads / "docs/año/acta.pdf").write_bytes(b"%PDF-1.7")
    (uploads / "link.db").symlink_to(original)
    (uploads / "linked").symlink_to(original.parent)
    listed = take(original, folder, uploads=uploads).uploads
    names_and_sizes = [(file.path, file.size_bytes) for file in listed]
    assert names_and_sizes == [("docs/año/acta.pdf", 8), ("z.png", 3)]
    assert listed[1].mtime_ns == (uploads / "z.png").stat().st_mtime_ns


def test_uploads_that_change_meanwhile_are_told(original, folder, tmp_path):
    """A list of one moment and a database of another do not belong together."""
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    # Holds the database until its copy has begun, which is after the first look at the uploads.
    code = """
import pathlib, threading, time
lock = sqlite3.connect(sys.argv[1], isolation_level=None, check_same_thread=False)
lock.execute("BEGIN EXCLUSIVE")
def upload():
    while not pathlib.Path(sys.argv[2], "snapshot.db").exists():
        time.sleep(0.01)
    pathlib.Path(sys.argv[3], "new.png").touch()
    lock.execute("COMMIT")
threading.Thread(target=upload, daemon=True).start()
"""
    with (
        living(code, original, folder, uploads),
        pytest.raises(SnapshotError, match="uploads changed"),
    ):
        take(original, folder, uploads=uploads)


@pytest.mark.parametrize("name", ["missing", "osyris.db"])
def test_uploads_that_are_no_folder_are_told(original, folder, name):
    """With the key that says where they should be."""
    run("", original)
    with pytest.raises(SourceError, match=r"\[source\] uploads"):
        take(original, folder, uploads=original.parent / name)


def test_decoys_are_empty_files_that_look_like_databases(original):
    """Beside the source; itself, other endings and files with content are none."""
    for name in ("b.sqlite3", "a.DB", "c.txt", original.name):
        (original.parent / name).touch()
    (original.parent / "full.db").write_bytes(b"SQLite")
    (original.parent / "folder.db").mkdir()
    assert [path.name for path in decoys(original)] == ["a.DB", "b.sqlite3"]
