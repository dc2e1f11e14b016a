"""The snapshot holds what the app would read, and the original does not notice."""

import hashlib
import os
import pickle
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pytest_deploy.errors import SnapshotError, SourceError
from pytest_deploy.transfer.snapshot import take
from pytest_deploy.transfer.sqlite_file import decoys, is_in_use

NOBODY = 65534
BESIDE = ("", "-wal", "-journal")
# What a process does before it is killed, or stays.
CLEAN = """
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT)")
db.executemany("INSERT INTO t (x) VALUES (?)", [(f"row {n} " + "x" * 90,) for n in range(500)])
"""
WAL = """
db.execute("PRAGMA wal_autocheckpoint = 0")
db.execute("PRAGMA journal_mode = WAL")
db.execute("INSERT INTO t (x) VALUES ('only in the WAL')")
"""
# A cache of one page spills into the file while the transaction is open.
HALF_DONE = """
db.execute("PRAGMA cache_size = 1")
db.execute("BEGIN")
db.execute("UPDATE t SET x = upper(x)")
"""
KILLED = "\nos._exit(9)\n"
STAYS = "\nprint('ready', flush=True)\nsys.stdin.read()\nos._exit(0)\n"


def run(code, path):
    """Run code on a database in another process, until its end."""
    subprocess.run([sys.executable, "-c", CLEAN + code, str(path)], check=False)


@pytest.fixture
def live():
    """Start processes that stay on a database, and end them."""
    started = []

    def start(code, path):
        command = [sys.executable, "-c", CLEAN + code + STAYS, str(path)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout.readline() == b"ready\n"
        return process

    yield start
    for process in started:
        process.communicate(b"", timeout=10)


@pytest.fixture
def original(tmp_path):
    """Where the app's database stands, alone in a folder."""
    folder = tmp_path / "app"
    folder.mkdir()
    return folder / "osyris.db"


@pytest.fixture
def folder(tmp_path):
    """Where the copy goes."""
    return tmp_path / "copy"


def seen(path):
    """All that a person could notice beside a database: names, bytes and times."""
    return {
        file.name: (hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_mtime_ns)
        for file in sorted(path.parent.iterdir())
    }


def rows(snapshot, query="SELECT count(*), max(x) FROM t"):
    """Ask the snapshot."""
    with closing(snapshot.connect()) as connection:
        return connection.execute(query).fetchone()


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
    assert rows(snapshot) == content
    assert [file.name for file in folder.iterdir()] == [snapshot.path.name]


def test_hot_journal_matters(original, tmp_path):
    """Without it the half-done transaction would be read: the case above is a real one."""
    run(HALF_DONE + KILLED, original)
    bare = shutil.copyfile(original, tmp_path / "bare.db")
    with closing(sqlite3.connect(bare)) as connection:
        said = connection.execute("SELECT count(*) FROM t WHERE x LIKE '%ROW%' AND x = upper(x)")
        assert said.fetchone()[0] > 0


def test_live_writer_in_wal_mode_is_backed_up(original, folder, live):
    """Online; only the shared memory of the original may change."""
    live(WAL, original)
    assert is_in_use(original)
    before = seen(original)
    snapshot = take(original, folder, uploads=None)
    after = seen(original)
    before.pop("osyris.db-shm")
    after.pop("osyris.db-shm")
    assert after == before
    assert snapshot.method == "backup"
    assert rows(snapshot, "SELECT x FROM t WHERE id = 501") == ("only in the WAL",)
    assert [file.name for file in folder.iterdir()] == [snapshot.path.name]


def test_open_transaction_of_a_live_writer_is_left_out(original, folder, live):
    """What it has not committed is not there, and it can commit afterwards."""
    writer = live("\ndb.execute('BEGIN')\ndb.execute(\"INSERT INTO t (x) VALUES ('?')\")", original)
    before = seen(original)
    snapshot = take(original, folder, uploads=None)
    assert snapshot.method == "backup"
    assert rows(snapshot)[0] == 500
    assert seen(original) == before
    assert writer.poll() is None


def test_writer_that_never_rests_does_not_hold_up_the_backup(original, folder, live):
    """Each commit would start a copy in pieces anew."""
    busy = """
import threading
db.execute("INSERT INTO t (x) SELECT hex(randomblob(2000)) FROM t a, t b LIMIT 4000")
def write():
    own = sqlite3.connect(sys.argv[1], isolation_level=None)
    while True:
        own.execute("INSERT INTO t (x) VALUES ('more')")
threading.Thread(target=write, daemon=True).start()
"""
    live(WAL + busy, original)
    snapshot = take(original, folder, uploads=None)
    assert snapshot.method == "backup"
    assert snapshot.integrity == ()
    assert rows(snapshot)[0] >= 4501


@pytest.mark.parametrize("code", ["", WAL], ids=["rollback journal", "WAL"])
def test_exclusive_lock_is_told(original, folder, live, code):
    """After the time that was given, not never."""
    lock = "\ndb.execute('PRAGMA locking_mode = EXCLUSIVE')\ndb.execute('BEGIN EXCLUSIVE')"
    live(code + lock + "\ndb.execute('DELETE FROM t WHERE id = 1')", original)
    before = seen(original)
    with pytest.raises(SnapshotError, match=r"locked: another process has held it for 0\.2 s"):
        take(original, folder, uploads=None, lock_timeout_s=0.2)
    after = seen(original)
    for files in (before, after):
        files.pop("osyris.db-shm", None)
    assert after == before
    assert not list(folder.iterdir())


def test_lock_that_is_given_up_in_time_is_waited_for(original, folder, live):
    """A short transaction does not end a run."""
    letting_go = """
import threading
db = sqlite3.connect(sys.argv[1], isolation_level=None, check_same_thread=False)
db.execute("BEGIN EXCLUSIVE")
threading.Timer(0.5, lambda: db.execute("COMMIT")).start()
"""
    live(letting_go, original)
    assert rows(take(original, folder, uploads=None))[0] == 500


def test_idle_connection_without_wal_is_not_in_use(original, folder, live):
    """It holds no lock: the files are copied."""
    live("", original)
    assert not is_in_use(original)
    assert take(original, folder, uploads=None).method == "copy"


def test_wal_is_found_through_a_symbolic_link(original, folder, tmp_path):
    """SQLite keeps it beside the file that the link leads to."""
    run(WAL + KILLED, original)
    link = tmp_path / "link.db"
    link.symlink_to(original)
    assert rows(take(link, folder, uploads=None))[0] == 501


def test_names_that_mean_something_in_an_address(tmp_path, folder, live):
    """A question mark, a percent sign, a space, an ñ."""
    path = tmp_path / "a?b#c %20 año.db"
    live(WAL, path)
    assert rows(take(path, folder, uploads=None))[0] == 501


def test_read_only_folder_is_left_alone(original, folder):
    """Even where the account could write: names and times stay."""
    run(WAL + KILLED, original)
    original.parent.chmod(0o555)
    before, times = seen(original), original.parent.stat().st_mtime_ns
    assert rows(take(original, folder, uploads=None))[0] == 501
    assert (seen(original), original.parent.stat().st_mtime_ns) == (before, times)
    original.parent.chmod(0o755)


@pytest.mark.parametrize("used", [False, True], ids=["left behind", "in use"])
def test_account_that_may_only_read_gets_a_snapshot(live, used):
    """The app's files belong to somebody else."""
    home = Path(tempfile.mkdtemp(prefix="readable-"))  # pytest's own folders are closed to others
    path, copy = home / "app/osyris.db", home / "copy"
    path.parent.mkdir()
    copy.mkdir()
    (live if used else run)(WAL + ("" if used else KILLED), path)
    for shown, mode in ((home, 0o755), (path.parent, 0o555), (copy, 0o700)):
        shown.chmod(mode)
    for file in path.parent.iterdir():
        file.chmod(0o444)
    if os.geteuid() == 0:
        os.chown(copy, NOBODY, NOBODY)
    before = {name: state for name, state in seen(path).items() if not name.endswith("-shm")}
    done = run_as_nobody(path, copy)
    after = {name: state for name, state in seen(path).items() if not name.endswith("-shm")}
    path.parent.chmod(0o755)
    shutil.rmtree(home)
    assert done.stdout == f"{'backup' if used else 'copy'} 501\n", done.stderr
    assert after == before


def run_as_nobody(path, copy):
    """Take a snapshot in a process whose account may write nothing but the copy."""
    code = f"""
import os, sys
from pathlib import Path
from pytest_deploy.transfer.snapshot import take
import pytest_deploy.transfer.uploads
if os.geteuid() == 0:
    os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
snapshot = take(Path(sys.argv[1]), Path(sys.argv[2]), uploads=None)
print(snapshot.method, *snapshot.connect().execute("SELECT count(*) FROM t").fetchone())
"""
    return subprocess.run(
        [sys.executable, "-c", code, str(path), str(copy)],
        capture_output=True,
        text=True,
        check=False,
    )


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
    assert [(file.path, file.size_bytes) for file in listed] == [
        ("docs/año/acta.pdf", 8),
        ("z.png", 3),
    ]
    assert listed[1].mtime_ns == (uploads / "z.png").stat().st_mtime_ns


def test_uploads_that_change_meanwhile_are_told(original, folder, tmp_path):
    """A list of one moment and a database of another do not belong together."""
    run("", original)
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    code = """
import itertools, pathlib, sys
print("ready", flush=True)
for n in itertools.count():
    pathlib.Path(sys.argv[1], f"{n}.png").touch()
"""
    command = [sys.executable, "-c", code, str(uploads)]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE)
    writer.stdout.readline()
    try:
        with pytest.raises(SnapshotError, match="uploads changed"):
            take(original, folder, uploads=uploads)
    finally:
        writer.kill()
        writer.communicate()


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
