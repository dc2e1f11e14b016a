"""Load at a real Postgres: what is measured, what is told of failures, and that nothing stays."""

import threading
import time
from secrets import token_hex

import pytest
from load_rig import BEGINNING, BROWSE, PLAN, database, run, trial

from pytest_deploy.engine import keys
from pytest_deploy.errors import LoadError
from pytest_deploy.load.launch import started
from pytest_deploy.load.nodes import Nodes
from pytest_deploy.load.role import _PREFIX, _mark
from pytest_deploy.load.samples import percentile_ms, read
from pytest_deploy.processes import started_at
from pytest_deploy.schema.identifiers import literal, quoted

WRITES = (
    BEGINNING
    + """
class Writer(DatabaseUser):
    pace_s = 0.05

    @task(3)
    def write(self):
        with self.transaction():
            self.query("write", "UPDATE pages SET title = 'x' WHERE id = %s", (3,))
            assert self.query("read", "SELECT title FROM pages WHERE id = 3") == [("x",)]

    @task
    def fail(self):
        self.query("again", "INSERT INTO pages VALUES (%s, %s)", (7, "planted-value argument"))

    @task
    def mistake(self):
        raise KeyError("planted-value in an exception")
"""
)


OTHERS = """
import os
from locust import User, constant_pacing, task
from pytest_deploy.engine.keys import VARIABLE

class Client(User):
    wait_time = constant_pacing(0.1)

    def fire(self, name, error=None, waited=1.0):
        told = {"request_type": "X", "name": name, "response_length": 0, "context": {}}
        self.environment.events.request.fire(**told, response_time=waited, exception=error)

    @task
    def ask(self):
        self.fire("raised", ValueError("planted-value in an exception"))
        self.fire("said", "planted-value in a text")
        self.fire("never timed", ValueError(), waited=None)
        self.fire("backwards", waited=-1e9)
        self.fire("key" if VARIABLE in os.environ else "no key")
"""


@pytest.fixture
def target(server):
    """A database of its own for each test."""
    with database(server, f"load-{token_hex(4)}") as target:
        yield target


def roles(target):
    with target.connect() as connection:
        sql = "SELECT rolname FROM pg_roles WHERE rolname LIKE 'pytest_deploy_load%'"
        return [name for (name,) in connection.execute(sql)]


def everything_in(folder):
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_the_intended_rate_is_reached_and_nothing_stays(target, tmp_path):
    """Twenty requests a second from each of five users; the role is gone, the orders too."""
    found = run(target, tmp_path)
    assert found.errors == 0
    assert found.rate_per_s == pytest.approx(100, rel=0.15)
    assert found.requests == pytest.approx(200, rel=0.15)
    assert 0 < found.p50_ms <= found.p95_ms <= found.p99_ms
    assert len(found.series) == 2
    assert roles(target) == []
    assert not list((tmp_path / "private").glob("*.orders"))
    names = {file.rpartition("/")[2] for file in found.files}
    assert names >= {"locust.html", "locust.json", "locust_stats.csv", "samples.csv", "locust.log"}


def test_a_stall_of_a_second_shows_in_p99(target, tmp_path):
    """A lock for a second: every request that was due in it waited, and is counted as such."""
    begun = threading.Event()

    def stall():
        begun.wait(30)
        with target.connect() as connection:
            connection.execute("LOCK TABLE pages IN ACCESS EXCLUSIVE MODE")
            time.sleep(1)

    thread = threading.Thread(target=stall)
    thread.start()
    watched = trial(target, tmp_path, seconds=4.0)

    class Watching:
        def __enter__(self):
            return lambda told: begun.set() if told.get("requests", 0) > 100 else None

        def __exit__(self, *_error):
            begun.set()

    watched._shown = lambda _name, _total_s: Watching()
    (found,) = watched.run(PLAN).journeys
    thread.join()
    assert found.errors == 0
    assert found.p99_ms > 600
    # Five users, twenty requests a second each, half a second and more late: some fifty. A closed
    # loop would have five slow ones of four hundred: p99 would be one of them, or fast.
    samples = read(tmp_path / "release/load/browse/samples.csv")
    slow = [s for s in samples if s.waited_s > 0.4]
    assert len(slow) > 30
    assert percentile_ms(sorted(s.waited_s for s in samples), 50) < 400


ASKED = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT title FROM pages%'"


def _stalling(target, watched, stalls):
    """Hold the table for a second in the first so many measurements, once it is asked."""
    left = list(range(stalls))

    class Measurement:
        def __init__(self):
            self.over = threading.Event()
            self.thread = threading.Thread(target=self.stall)

        def stall(self):
            with target.connect(autocommit=True) as connection:
                while connection.execute(ASKED).fetchone() == (0,):
                    if self.over.wait(0.01):
                        return
                with connection.transaction():
                    connection.execute("LOCK TABLE pages IN ACCESS EXCLUSIVE MODE")
                    time.sleep(1)

        def __enter__(self):
            if left:
                left.pop()
                self.thread.start()
            return lambda _told: None

        def __exit__(self, *_error):
            self.over.set()
            if self.thread.ident:
                self.thread.join()

    watched._shown = lambda _name, _total_s: Measurement()


@pytest.mark.parametrize(("stalls", "workers"), [(1, 0), (2, 0), (1, 2)])
def test_what_was_too_slow_is_measured_again_and_both_are_told(target, tmp_path, stalls, workers):
    """A stall that does not come again is none of the target's; one that does is."""
    bounded = {"p50_ms": 200.0, "p95_ms": 200.0, "attempts": 2}
    watched = trial(target, tmp_path, nodes=Nodes(workers), **bounded)
    _stalling(target, watched, stalls)
    (found,) = watched.run(PLAN).journeys
    (earlier,) = found.earlier_p95_ms
    assert earlier > 200
    assert (found.p95_ms > 200) is (stalls == 2)
    samples = [file for file in found.files if file.endswith("samples.csv")]
    assert samples == ["load/browse/samples.csv", "load/browse/measurement-2/samples.csv"]
    assert all((tmp_path / "release" / file).is_file() for file in samples)


def test_errors_are_not_measured_again(target, tmp_path):
    """However often it may be: a second measurement without them would hide them."""
    found = run(target, tmp_path, WRITES, attempts=3)
    assert found.errors
    assert found.earlier_p95_ms == ()


def test_a_server_that_stands_still_to_the_end_leaves_errors(target, tmp_path):
    """What was never answered, and what was never even asked, is counted; neither vanishes."""
    sleeping = BROWSE.replace("SELECT title FROM pages WHERE id = %s", "SELECT pg_sleep(60 + %s)")
    found = run(target, tmp_path, sleeping, users=2, spawn_rate_per_s=100.0)
    assert found.rate_per_s == 0
    assert found.errors == found.requests > 10
    assert "not begun when the test ended" in found.error_kinds
    samples = read(tmp_path / "release/load/browse/samples.csv")
    assert "not answered when the test ended" in {sample.error for sample in samples}


def test_what_a_journey_writes_is_rolled_back_and_its_values_are_told_nowhere(target, tmp_path):
    """Errors are counted by class and SQLSTATE, mistakes by class and line."""
    found = run(target, tmp_path, WRITES)
    assert set(found.error_kinds) == {"UniqueViolation 23505"}
    assert list(found.mistakes) == ["KeyError at browse.py:21"]
    assert {each.name for each in found.requests_by_name} == {"write", "read", "again"}
    with target.connect() as connection:
        assert connection.execute("SELECT count(*) FROM pages WHERE title = 'x'").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM pages").fetchone() == (50,)
    written = everything_in(tmp_path / "release")
    for secret in ("planted-value", target.server.password.reveal(), "sslmode", target.server.user):
        assert secret.encode() not in written.replace(b"postgresql", b""), secret


def test_the_role_may_read_and_write_rows_and_nothing_else(target, tmp_path):
    """As the app will have it: no table is dropped by a journey."""
    drops = BROWSE.replace('"SELECT title FROM pages WHERE id = %s", (7,)', '"DROP TABLE pages"')
    found = run(target, tmp_path, drops)
    assert set(found.error_kinds) == {"InsufficientPrivilege 42501"}
    whoever = BROWSE.replace(
        '"SELECT title FROM pages WHERE id = %s", (7,)',
        "\"SELECT 1 / (current_user LIKE 'pytest_deploy_load%%')::int WHERE %s\", (True,)",
    )
    assert run(target, tmp_path / "second", whoever).errors == 0


def test_what_a_killed_run_left_is_removed_and_nothing_else(target, tmp_path):
    """A role that looks like one of ours may be called anything, and may own a table by now."""
    hostile = f"{_PREFIX}999999999_a; DROP TABLE pages; --"
    with target.connect(autocommit=True) as connection:
        for name in (hostile, f"{_PREFIX}999999999_b"):
            connection.execute(f"CREATE ROLE {quoted(name)}")
            connection.execute(f"COMMENT ON ROLE {quoted(name)} IS {literal(_mark())}")
        connection.execute("CREATE TABLE given (id int PRIMARY KEY)")
        connection.execute(f"ALTER TABLE given OWNER TO {_PREFIX}999999999_b")
    assert run(target, tmp_path).errors == 0
    assert roles(target) == []
    with target.connect() as connection:
        kept = "SELECT count(*) FROM pg_tables WHERE tablename IN ('given', 'pages')"
        assert connection.execute(kept).fetchone() == (2,)


def test_a_user_waits_for_a_connection_and_that_counts(target, tmp_path):
    """Five users share one connection, and each query holds it for 20 ms."""
    slow = BROWSE.replace("SELECT title FROM pages WHERE id = %s", "SELECT pg_sleep(0.02 + 0 * %s)")
    found = run(target, tmp_path, slow, connections=1)
    assert found.p50_ms > 100


@pytest.mark.parametrize(
    ("journey", "said"),
    [
        ("import nothing_of_that_name", "cannot be imported: ModuleNotFoundError at browse.py:1"),
        ("def (", "cannot be imported: SyntaxError at browse.py:1"),
        ("x = 1", "No User class found"),
        (BEGINNING + "class Idle(DatabaseUser):\n    pace_s = 1.0\n", "class Idle has no task"),
        (
            BROWSE + "\nfrom locust import LoadTestShape\nclass S(LoadTestShape):\n"
            "    def tick(self):\n        return None\n",
            "LoadTestShape",
        ),
        (BROWSE + "\nimport os\nos._exit(7)\n", "exit code 0, seen 7"),
        ("", "seen none"),
    ],
)
def test_a_journey_that_cannot_be_carried_out_says_why(target, tmp_path, journey, said):
    """Never green, and in four parts."""
    with pytest.raises(LoadError) as caught:
        run(target, tmp_path, journey)
    assert said in caught.value.problem
    assert "load-gate.md" in caught.value.remedy
    assert roles(target) == []


def test_too_many_connections_are_refused_by_class(target, tmp_path):
    """More than the server has."""
    with pytest.raises(LoadError) as caught:
        run(target, tmp_path, connections=500)
    assert "expected 500 connections to the database, seen " in caught.value.problem


def test_locust_ends_with_the_process_that_started_it(target, tmp_path):
    """`kill -9` of the run closes the pipe; nothing goes on without it."""
    prepared = trial(target, tmp_path, seconds=600.0)
    folder = tmp_path / "release/load/browse"
    folder.mkdir(parents=True)
    orders = prepared._orders(tmp_path / "journeys/browse.py", "", folder, 0.0)
    with started(orders, tmp_path / "private", "browse") as process:
        deadline = time.monotonic() + 60
        while not process.told().get("requests") and time.monotonic() < deadline:
            time.sleep(0.05)
        assert process.told()["requests"]
        pid = process._popen.pid
        process._popen.stdin.close()
        while started_at(pid) is not None and time.monotonic() < deadline:
            process.code  # noqa: B018 - reaps it
            time.sleep(0.05)
        assert started_at(pid) is None


def test_what_a_client_of_another_kind_tells_holds_no_value_and_is_not_lost(
    target, tmp_path, monkeypatch
):
    """Nor does a journey get the key that seals; a time that is none is a mistake, not nothing."""
    monkeypatch.setenv(keys.VARIABLE, keys.new_key().reveal())
    found = run(target, tmp_path, OTHERS, users=2)
    names = {one.name: one for one in found.requests_by_name}
    assert "no key" in names
    assert set(found.error_kinds) == {"ValueError", "an error without a class"}
    assert any("never timed" in what for what in found.mistakes), found.mistakes
    assert any("backwards" in what for what in found.mistakes), found.mistakes
    assert b"planted-value" not in everything_in(tmp_path / "release")
