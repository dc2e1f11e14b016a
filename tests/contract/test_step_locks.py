"""The locks that a step describes are those that Postgres shows while it runs."""

# ruff: noqa: F811 - fixtures of the step contract, asked for by name

import threading
import time

import pytest
from test_step_contract import ORDER, prepared  # noqa: F401 - fixtures

from pytest_deploy.engine.locks import Held, Lock, LockMode, strongest, undescribed
from pytest_deploy.engine.step import Observed
from pytest_deploy.steps.copy_rows import CopyRows
from pytest_deploy.steps.create_schema import CreateSchema
from pytest_deploy.testing import check_step_contract

TABLES = {"public.personas", "public.secciones", "public.vacia"}
SEEN = {
    "prepare_ledger": {},
    "create_schema": {LockMode.ACCESS_EXCLUSIVE: TABLES},
    "add_constraints": {LockMode.ACCESS_EXCLUSIVE: TABLES},
    "set_sequences": {
        LockMode.SHARE_ROW_EXCLUSIVE: {"public.personas_id_seq", "public.vacia_id_seq"}
    },
    "create_programs": {
        LockMode.ACCESS_EXCLUSIVE: {"public.mayores"},
        LockMode.SHARE_ROW_EXCLUSIVE: {"public.personas"},
    },
}
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'RowExclusiveLock'"


def applied(prepared, kind):
    """Apply a step and those before it, and give it."""
    for before in ORDER[: ORDER.index(kind)]:
        before(prepared, "tests").apply()
    step = kind(prepared, "tests")
    step.apply()
    return step


def described(step):
    return {lock.mode for lock in step.describe().locks}


@pytest.mark.parametrize("kind", ORDER, ids=[kind.name for kind in ORDER])
def test_what_a_step_locks_is_what_it_describes(prepared, kind):
    """Seen in pg_locks at the end of its transaction, where Postgres still has all of them."""
    step = applied(prepared, kind)
    assert undescribed(step.describe().locks, step.held) == ()
    by_mode = {}
    for one in strongest(step.held):
        by_mode.setdefault(one.mode, set()).add(one.relation)
    for mode, relations in SEEN.get(kind.name, {}).items():
        assert relations <= by_mode.get(mode, set()), by_mode


def test_what_other_connections_lock_is_seen_too(prepared):
    """A copy that has to wait for a table shows the lock that it describes."""
    applied(prepared, CreateSchema)
    target, step = prepared.transfer.target, CopyRows(prepared, "tests")
    with target.connect(application_name="another app") as other:
        other.execute("LOCK TABLE public.personas IN SHARE MODE")
        copying = threading.Thread(target=step.apply)
        copying.start()
        with target.connect(autocommit=True, application_name="test") as looking:
            deadline = time.monotonic() + 60
            while not looking.execute(WAITING).fetchone()[0]:
                assert time.monotonic() < deadline, "the copy never asked for its lock"
                time.sleep(0.01)
            time.sleep(0.2)
        other.rollback()
        copying.join()
    assert Held(LockMode.ROW_EXCLUSIVE, "public.personas") in step.held
    assert {one.mode for one in strongest(step.held)} == described(step)


def test_a_small_steps_statements_commit_with_its_journal_row(prepared, monkeypatch):
    """What fails behind the constraints takes them with it."""
    from pytest_deploy.steps import database
    from pytest_deploy.steps.add_constraints import AddConstraints

    for before in ORDER[: ORDER.index(AddConstraints)]:
        before(prepared, "tests").apply()

    def lost(*_arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(database, "record", lost)
    step = AddConstraints(prepared, "tests")
    with pytest.raises(KeyboardInterrupt):
        step.apply()
    assert step.observe() is Observed.NOTHING


def test_constraints_built_side_by_side_lock_no_more_than_they_say(prepared, monkeypatch):
    """Each connection's locks count, whichever of them are there long enough to be seen."""
    from pytest_deploy.steps.add_constraints import AddConstraints

    monkeypatch.setattr("pytest_deploy.transfer.work.WORTH_PROCESSES_ROWS", 0)
    monkeypatch.setattr("pytest_deploy.steps.locks._PERIOD_S", 0.0)
    for before in ORDER[: ORDER.index(AddConstraints)]:
        before(prepared, "tests").apply()
    step = AddConstraints(prepared, "tests", workers=4)
    step.apply()
    assert step.held
    assert undescribed(step.describe().locks, step.held) == ()


def test_a_lock_that_is_not_described_breaks_the_contract(prepared):
    """The contract believes pg_locks, not the step."""

    class Discreet(CreateSchema):
        """Says that it locks nothing."""

        def describe(self):
            said = super().describe()
            return type(said)(does=said.does, way_back=said.way_back)

    ORDER[0](prepared, "tests").apply()
    with pytest.raises(AssertionError, match="locks that describe does not name"):
        check_step_contract(Discreet(prepared, "tests"), lambda: len(seen_tables(prepared)))


def seen_tables(prepared):
    with prepared.transfer.target.connect() as connection:
        return connection.execute("SELECT 1 FROM pg_tables WHERE schemaname = 'public'").fetchall()


def test_the_strongest_lock_of_a_relation_decides():
    """A weaker one beside it makes nobody wait who does not wait already."""
    weak, strong = Held(LockMode.SHARE, "public.t"), Held(LockMode.ACCESS_EXCLUSIVE, "public.t")
    assert strongest({weak, strong}) == (strong,)
    assert undescribed((Lock(LockMode.SHARE, "t"),), {weak, strong}) == (strong,)
    assert str(strong) == "AccessExclusiveLock on public.t"
