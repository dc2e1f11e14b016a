"""Bad input on the real command line: one message of four parts, and nothing is touched or left."""

import os
import sqlite3
import subprocess
import sys

import pytest

from pytest_deploy.providers.postgres import embedded
from pytest_deploy.workspace import Workspace

PASSWORD = "equivocada-3817"
HOLD = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def good(tmp_path):
    """A database with which nothing is wrong."""
    path = tmp_path / "good.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)")
    connection.execute("INSERT INTO t VALUES (1, 'a')")
    connection.commit()
    connection.close()
    return path


def rehearse(folder, temporary, *options):
    """Run the command as a user types it; nothing may be left in its temporary folder."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "--pyargs", "pytest_deploy.suites"),
            *("-m", "predeploy", "-p", "no:cacheprovider", *options),
        ],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert list(temporary.glob("pytest-deploy-*/2*")) == []
    return done.returncode, done.stdout + done.stderr


def assert_one_message(output, kind, problem):
    """Four parts, once in full, and no traceback."""
    assert "Traceback" not in output
    assert "in pytest_" not in output
    whole = [part for part in output.split(f"{kind}: ")[1:] if "\n  configured in " in part]
    assert len(whole) == 1, output
    lines = whole[0].splitlines()
    assert problem in lines[1], output
    assert lines[2].startswith("  configured in ")
    assert lines[3].startswith("  ")


def seen(path):
    """Tell what may not change: bytes, time, neighbours."""
    if not path.is_file():
        return None
    beside = sorted(each.name for each in path.parent.iterdir() if each.name.startswith(path.name))
    return path.read_bytes(), path.stat().st_mtime_ns, beside


def make_bad(path, what):
    """Make a source that is none."""
    if what == "a folder":
        path.mkdir()
    elif what == "no tables":
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA user_version = 3")
        connection.execute("VACUUM")
        connection.close()
    elif what != "no file":
        content = {"empty": b"", "text": b"SELECT 1;\n" * 50, "encrypted": os.urandom(8192)}
        path.write_bytes(content[what])


@pytest.mark.parametrize(
    ("what", "problem"),
    [
        ("no file", "seen no file"),
        ("a folder", "seen a folder"),
        ("empty", "0 bytes"),
        ("text", "text"),
        ("encrypted", "encrypted"),
        ("no tables", "without any"),
    ],
)
def test_a_source_that_is_none(tmp_path, temporary, what, problem):
    """Each kind is told apart."""
    path = tmp_path / "bad.db"
    make_bad(path, what)
    before = seen(path)
    code, output = rehearse(tmp_path, temporary, f"--source={path}", "--postgres=embedded")
    assert code == 1
    assert_one_message(output, "SourceError", problem)
    assert seen(path) == before


def test_a_table_that_is_damaged(tmp_path, temporary):
    """Rows that SQLite cannot read are told as that, without what they hold."""
    path = tmp_path / "damaged.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)")
    connection.executemany("INSERT INTO t VALUES (?, ?)", ((n, "x" * 500) for n in range(500)))
    connection.commit()
    connection.close()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 8192)
    code, output = rehearse(tmp_path, temporary, f"--source={path}", "--postgres=embedded")
    assert code == 1
    assert_one_message(output, "SourceError", "SQLITE_CORRUPT")


def test_a_locked_database(tmp_path, temporary, good):
    """A writer that does not let go is named, within seconds."""
    holder = subprocess.Popen(
        [
            *(sys.executable, "-c", HOLD, str(good)),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout.readline() == "held\n"
        code, output = rehearse(tmp_path, temporary, f"--source={good}", "--postgres=embedded")
    finally:
        holder.communicate("")
    assert code == 1
    assert_one_message(output, "SnapshotError", "locked")


def test_an_unreachable_postgres(tmp_path, temporary, good):
    """Nothing listens there."""
    url = f"postgresql://postgres:{PASSWORD}@127.0.0.1:1/postgres"
    code, output = rehearse(tmp_path, temporary, f"--source={good}", f"--postgres={url}")
    assert code == 1
    assert_one_message(output, "TargetError", "nothing answers there")
    assert PASSWORD not in output


def test_a_wrong_password(tmp_path, temporary, good):
    """The password is neither shown nor tried again and again."""
    workspace = Workspace.create(f"wrong-password-{os.getpid()}")
    try:
        with embedded.serve(workspace, reason="tests") as server:
            url = f"postgresql://{server.user}:{PASSWORD}@{server.host}:{server.port}/postgres"
            code, output = rehearse(tmp_path, temporary, f"--source={good}", f"--postgres={url}")
    finally:
        workspace.close()
    assert code == 1
    assert_one_message(output, "TargetError", "password")
    assert PASSWORD not in output


@pytest.mark.parametrize(
    ("options", "text", "problem"),
    [
        (("--evidence=good.db/below",), None, "expected a folder"),
        ((), '[source]\ndatabase = "good.db"\n', "app"),
        ((), '[app]\nname = "a"\n[source]\ndatabas = "good.db"\n', "did you mean 'database'"),
    ],
)
def test_a_refused_configuration(tmp_path, temporary, good, options, text, problem):
    """Before anything happens: exit code 4."""
    if text is not None:
        (tmp_path / "deploy.toml").write_text(text)
    before = seen(good)
    source = (f"--source={good}",) if text is None else ()
    code, output = rehearse(tmp_path, temporary, *source, "--postgres=embedded", *options)
    assert code == 4
    assert "Error: " in output
    assert problem in output
    assert "configured in" in output
    assert "Traceback" not in output
    assert seen(good) == before


def test_a_disk_that_fills_while_rows_are_copied(tmp_path, temporary):
    """The disk is named, nothing is left on it, and the source is as it was."""
    source = tmp_path / "large.db"
    connection = sqlite3.connect(source)
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a BLOB)")
    connection.executemany(
        "INSERT INTO t VALUES (?, ?)", ((n, os.urandom(500_000)) for n in range(120))
    )
    connection.commit()
    connection.close()
    before = seen(source)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=160m,mode=755", "tmpfs", temporary],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"FULL DISK NOT TESTED, no mounts here: {mounted.stderr.strip()}")
    try:
        code, output = rehearse(tmp_path, temporary, f"--source={source}", "--postgres=embedded")
    finally:
        subprocess.run(["umount", "--lazy", temporary], check=True)
    assert code == 1
    assert "TransferError: copying table 't'" in output
    assert "the disk is full" in output
    assert "Traceback" not in output
    assert seen(source) == before


def test_a_file_of_queries_that_is_not_there_is_told_before_there_is_a_target(good, tmp_path):
    """Not minutes later, when everything else has been done."""
    text = f'[app]\nname = "a"\n[source]\ndatabase = "{good}"\n[behaviour]\nqueries = "none.sql"\n'
    (tmp_path / "deploy.toml").write_text(text)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    code, output = rehearse(tmp_path, temporary, "--postgres=embedded")
    assert code == 1
    assert_one_message(output, "ConfigError", "expected SQL statements, it cannot be read")
    assert "copy_rows" not in output
