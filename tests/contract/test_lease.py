"""One deployment at a time, none that is dead, and none that believes it still has its turn."""

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import uuid
from contextlib import contextmanager
from dataclasses import replace

import pytest

from pytest_deploy.errors import LeaseLostError, TargetError
from pytest_deploy.providers.postgres import lease
from pytest_deploy.providers.postgres.databases import create_database
from pytest_deploy.providers.postgres.lease import changing, held, look

HOLDS = """
import pickle, sys, time
from pytest_deploy.providers.postgres.lease import held, look
target = pickle.loads(bytes.fromhex(sys.stdin.readline()))
with held(target, look(target)):
    print("holds", flush=True)
    time.sleep(60)
"""
SILENT = "UPDATE deploy.lease SET seen_at = now() - interval '2 minutes'"


@pytest.fixture
def target(server):
    """An empty database."""
    with create_database(server, uuid.uuid4().hex) as made:
        yield made


def of(target, run):
    return replace(target, run=run)


def hold(target, run, take_over=""):
    mine = of(target, run)
    return held(mine, look(mine), take_over)


def schemas(target):
    with target.connect() as connection:
        rows = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname = 'deploy'")
        return [row[0] for row in rows]


def of_another_machine(target, *, silent):
    with target.connect() as connection:
        connection.execute("UPDATE deploy.lease SET host = 'elsewhere'")
        if silent:
            connection.execute(SILENT)


@contextmanager
def running(target, run):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        process.stdin.write(pickle.dumps(of(target, run)).hex() + "\n")
        process.stdin.flush()
        assert process.stdout.readline().strip() == "holds"
        yield process
        process.kill()


def test_the_second_one_is_refused_at_once_and_told_who_holds_it(server, target):
    """And a target beside it is free."""
    with create_database(server, "beside") as other, hold(target, "r-1"), hold(other, "r-2"):
        began = time.monotonic()
        with pytest.raises(TargetError) as caught, hold(target, "r-3"):
            pass
        assert time.monotonic() - began < 2
        assert f"run r-1 of {os.uname().nodename}:{os.getpid()}, since 2" in caught.value.problem
        assert "sign of life 0 s ago" in caught.value.problem
    with hold(target, "r-3"):
        pass


def test_who_looked_first_and_came_second_is_refused(target):
    """Between the look and the first change somebody else may have been there, and have gone."""
    looked = look(target)
    second = held(of(target, "r-2"), looked)
    with hold(target, "r-1"), pytest.raises(TargetError, match="seen run r-1"), second:
        pass
    with target.connect() as connection:
        connection.execute("CREATE SCHEMA deploy; CREATE TABLE deploy.releases ()")
    with hold(target, "r-3"):
        pass
    looked = look(target)
    with hold(target, "r-4"):
        pass
    second = held(of(target, "r-5"), looked)
    with pytest.raises(TargetError, match="seen one that has ended"), second:
        pass


def test_a_dead_one_of_this_machine_is_followed_without_asking(target):
    """After `kill -9`."""
    with running(target, "r-1") as process:
        with pytest.raises(TargetError, match="seen run r-1"), hold(target, "r-2"):
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
        with hold(target, "r-2"):
            assert look(target).holder.run == "r-2"


def test_of_another_machine_nothing_is_known(target):
    """A person has to say so, of that very run, and it must have been silent."""
    with running(target, "r-1") as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        of_another_machine(target, silent=False)
        with pytest.raises(TargetError, match="of elsewhere:"), hold(target, "r-2", "r-1"):
            pass
        of_another_machine(target, silent=True)
        with pytest.raises(TargetError) as caught, hold(target, "r-2"):
            pass
        assert "--take-over r-1" in caught.value.remedy
        with pytest.raises(TargetError), hold(target, "r-2", "r-0"):
            pass
        with hold(target, "r-2", "r-1"):
            assert look(target).holder.run == "r-2"


def test_one_that_was_taken_over_changes_nothing_more(target):
    """It was thought dead, and lives."""
    with hold(target, "r-1"):
        with changing(of(target, "r-1")) as connection:
            connection.execute("CREATE TABLE kept (n integer)")
        of_another_machine(target, silent=True)
        with hold(target, "r-2", "r-1"):
            with pytest.raises(LeaseLostError), changing(of(target, "r-1")) as connection:
                connection.execute("DROP TABLE kept")
            with changing(of(target, "r-2")) as connection:
                connection.execute("INSERT INTO kept VALUES (1)")
    with target.connect() as connection:
        assert connection.execute("SELECT n FROM kept").fetchall() == [(1,)]


def test_who_takes_over_waits_for_what_is_under_way(target):
    """A change that asked in time ends, and is seen; a sign of life waits for nobody."""
    with hold(target, "r-1"):
        of_another_machine(target, silent=True)
        ended, taken = [], threading.Event()

        def take():
            with hold(target, "r-2", "r-1"):
                ended.append(time.monotonic())
                taken.wait(10)

        thread = threading.Thread(target=take)
        with changing(of(target, "r-1")) as connection:
            connection.execute("CREATE TABLE done ()")
            thread.start()
            time.sleep(0.5)
            assert not ended
            committed = time.monotonic()
        time.sleep(1)
        taken.set()
        thread.join()
        assert ended[0] > committed


def test_a_sign_of_life_is_given_while_a_transaction_is_open(target, monkeypatch):
    """Also where connections were cut in between."""
    monkeypatch.setattr(lease, "_SIGN_OF_LIFE_S", 0.1)
    with hold(target, "r-1"), changing(of(target, "r-1")):
        with target.connect() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND state = 'idle' AND datname = current_database()"
            )
        of_another_machine(target, silent=True)
        time.sleep(0.5)
        assert look(target).holder.silent_s < 2


def test_the_lease_outlives_its_connections(target):
    """A cut connection makes nobody's turn end."""
    with hold(target, "r-1"):
        with target.connect() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        with changing(of(target, "r-1")) as connection:
            connection.execute("CREATE TABLE still ()")
        with pytest.raises(TargetError, match="seen run r-1"), hold(target, "r-2"):
            pass


def test_nothing_is_left_where_no_release_came_of_it(target):
    """The schema goes with the lease; one that holds more stays."""
    with hold(target, "r-1"):
        assert schemas(target) == ["deploy"]
    assert schemas(target) == []
    with hold(target, "r-1"), changing(of(target, "r-1")) as connection:
        connection.execute("CREATE TABLE deploy.releases ()")
    assert schemas(target) == ["deploy"]
    assert look(target).holder is None


def test_a_schema_of_somebody_else_is_left_alone(target):
    """It has our schema's name, and nothing of ours."""
    with target.connect() as connection:
        connection.execute("CREATE SCHEMA deploy; CREATE TABLE deploy.theirs ()")
    with pytest.raises(TargetError, match="somebody else"), hold(target, "r-1"):
        pass
    with target.connect() as connection:
        assert connection.execute("SELECT to_regclass('deploy.lease')").fetchone() == (None,)


def test_an_undone_release_takes_the_lease_with_it(target):
    """There is nothing left to let go of, and nothing to complain of."""
    with hold(target, "r-1"), changing(of(target, "r-1")) as connection:
        connection.execute("DROP SCHEMA deploy CASCADE")
    assert schemas(target) == []
