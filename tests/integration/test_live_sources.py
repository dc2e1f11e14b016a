"""A database that another process uses, or that belongs to another account."""

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest
from source_processes import KILLED, WAL, living, rows, run, seen, seen_but_shared_memory

from pytest_deploy.errors import SnapshotError
from pytest_deploy.transfer.snapshot import take
from pytest_deploy.transfer.sqlite_file import is_in_use

NOBODY = 65534
PATIENCE_S = 60
TAKE = """
import os, sys
from contextlib import closing
from pathlib import Path
from pytest_deploy.transfer.snapshot import take
if len(sys.argv) > 3 and os.geteuid() == 0:
    os.setgroups([]); os.setgid(int(sys.argv[3])); os.setuid(int(sys.argv[3]))
snapshot = take(Path(sys.argv[1]), Path(sys.argv[2]), uploads=None)
with closing(snapshot.connect()) as connection:
    print(snapshot.method, *connection.execute("SELECT count(*) FROM t").fetchone())
"""


def taken(*arguments):
    """Take a snapshot in a process of its own, which tells its method and rows."""
    return subprocess.run(
        [sys.executable, "-c", TAKE, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )


def test_writer_in_wal_mode_is_backed_up(original, folder):
    """Online, also while it idles; only the shared memory of the original may change."""
    with living(WAL, original):
        assert is_in_use(original)
        before = seen_but_shared_memory(original)
        snapshot = take(original, folder, uploads=None)
        assert seen_but_shared_memory(original) == before
    assert snapshot.method == "backup"
    assert rows(snapshot, "SELECT x FROM t WHERE id = 501") == ("only in the WAL",)
    assert list(folder.iterdir()) == [snapshot.path]


def test_open_transaction_is_left_out(original, folder):
    """What is not committed is not there, and the original stays as it was."""
    with living("\ndb.execute('BEGIN')\ndb.execute('DELETE FROM t WHERE id < 9')", original):
        before = seen(original)
        snapshot = take(original, folder, uploads=None)
        assert seen(original) == before
    assert snapshot.method == "backup"
    assert rows(snapshot) == (500,)


def test_writer_that_never_rests_does_not_hold_up_the_backup(original, folder):
    """Each of its commits would start a copy in pieces anew."""
    code = """
import threading
db.execute("INSERT INTO t (x) SELECT hex(randomblob(2000)) FROM t a, t b LIMIT 12000")
def write():
    own = sqlite3.connect(sys.argv[1], isolation_level=None)
    own.execute("PRAGMA synchronous = OFF")
    while True:
        own.execute("INSERT INTO t (x) VALUES ('more')")
threading.Thread(target=write, daemon=True).start()
"""
    with living(WAL + code, original):
        method, count = taken(original, folder).stdout.split()
    assert method == "backup"
    assert int(count) >= 12_501


@pytest.mark.parametrize("code", ["", WAL], ids=["rollback journal", "WAL"])
def test_exclusive_lock_is_told(original, folder, code):
    """After the time that was given, not never; nothing is left of the copy."""
    lock = "\ndb.execute('PRAGMA locking_mode = EXCLUSIVE')\ndb.execute('BEGIN EXCLUSIVE')"
    with living(code + lock + "\ndb.execute('DELETE FROM t WHERE id = 1')", original):
        before = seen_but_shared_memory(original)
        with pytest.raises(SnapshotError, match=r"locked: another process has held it for 0\.2 s"):
            take(original, folder, uploads=None, lock_timeout_s=0.2)
        assert seen_but_shared_memory(original) == before
    assert not list(folder.iterdir())


def test_lock_that_is_given_up_in_time_is_waited_for(original, folder):
    """A short transaction does not end a run."""
    code = """
import threading
lock = sqlite3.connect(sys.argv[1], isolation_level=None, check_same_thread=False)
lock.execute("BEGIN EXCLUSIVE")
threading.Timer(0.3, lambda: lock.execute("COMMIT")).start()
"""
    with living(code, original):
        assert rows(take(original, folder, uploads=None)) == (500,)


def test_idle_connection_without_wal_is_not_in_use(original, folder):
    """It holds no lock: the files are copied."""
    with living("", original):
        assert not is_in_use(original)
        assert take(original, folder, uploads=None).method == "copy"


def test_names_that_mean_something_in_an_address(tmp_path, folder):
    """A question mark, a percent sign, a space, an ñ."""
    path = tmp_path / "a?b#c %20 año.db"
    with living(WAL, path):
        assert rows(take(path, folder, uploads=None)) == (501,)


@pytest.fixture
def readable():
    """Make a folder that other accounts may read; pytest's own are closed to them."""
    home = Path(tempfile.mkdtemp(prefix="readable-"))
    home.chmod(0o755)
    for name in ("app", "copy"):
        (home / name).mkdir()
    yield home
    (home / "app").chmod(0o755)
    shutil.rmtree(home)


@pytest.mark.parametrize("method", ["copy", "backup"])
def test_account_that_may_only_read_gets_a_snapshot(readable, method):
    """The app's files belong to somebody else, left behind or in use."""
    path, copy = readable / "app/osyris.db", readable / "copy"
    with ExitStack() as stack:
        if method == "backup":
            stack.enter_context(living(WAL, path))
        else:
            run(WAL + KILLED, path)
        for file in path.parent.iterdir():
            file.chmod(0o444)
        path.parent.chmod(0o555)
        if os.geteuid() == 0:
            os.chown(copy, NOBODY, NOBODY)
        before = seen_but_shared_memory(path)
        done = taken(path, copy, NOBODY)
        assert seen_but_shared_memory(path) == before
    assert done.stdout == f"{method} 501\n", done.stderr
