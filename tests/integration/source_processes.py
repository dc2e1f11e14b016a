"""Processes that use a SQLite database as an app would, and what can be noticed beside it."""

import hashlib
import subprocess
import sys
from contextlib import closing, contextmanager

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
KILLED = "\nos._exit(9)\n"
STAYS = "\nprint('ready', flush=True)\nsys.stdin.read()\nos._exit(0)\n"


def run(code, *paths):
    """Make a database in another process, which runs this code to its end."""
    subprocess.run([sys.executable, "-c", CLEAN + code, *map(str, paths)], check=False)


@contextmanager
def living(code, *paths):
    """Make a database in another process, which runs this code and then stays."""
    command = [sys.executable, "-c", CLEAN + code + STAYS, *map(str, paths)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        try:
            yield process
        finally:
            process.stdin.close()


def seen(path):
    """All that a person could notice beside a database: names, bytes and times."""
    return {
        file.name: (hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_mtime_ns)
        for file in sorted(path.parent.iterdir())
    }


def seen_but_shared_memory(path):
    """The same without `-shm`, which readers of a WAL in use may change."""
    return {name: state for name, state in seen(path).items() if not name.endswith("-shm")}


def rows(snapshot, query="SELECT count(*) FROM t"):
    """Ask the snapshot."""
    with closing(snapshot.connect()) as connection:
        return connection.execute(query).fetchone()
