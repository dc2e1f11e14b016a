"""Databases that nobody designed: their locks read back, their migrations run, their schemas stay."""

import random
import shutil
import sqlite3
from contextlib import closing

import pytest
from test_any_database import Maker

from pytest_deploy.config import for_source
from pytest_deploy.engine.release import new_id
from pytest_deploy.providers.postgres.databases import create_database
from pytest_deploy.schema.catalog import read_catalog, read_definitions
from pytest_deploy.schema.diff import differences
from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.schema.lock import lock_of
from pytest_deploy.schema.lock_text import LockFile, lock_text, parse_lock
from pytest_deploy.schema.migration import migration_text
from pytest_deploy.steps.add_constraints import AddConstraints
from pytest_deploy.transfer.frozen import prepare_frozen
from pytest_deploy.transfer.planning import read_source
from pytest_deploy.transfer.snapshot import take
from tests.integration.whole_way import AFTER, BEFORE


class Planner:
    """Plans one database after the other on one server."""

    def __init__(self, running, folder):
        self.server = running
        self.folder = folder

    def plan(self, path, target, lock=None):
        """Plan with accepted remedies, under a lock or without."""
        folder = self.folder / new_id()
        folder.mkdir()
        source = read_source(path, take(path, folder / "snapshot", uploads=None))
        file = LockFile(self.folder / "schema.lock", lock)
        return prepare_frozen(source, target, for_source(path), file, accept=True, folder=folder)


def emptied(path):
    """Make a copy without rows."""
    copy = path.with_name(f"empty-{path.name}")
    shutil.copy(path, copy)
    with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        tables = connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
        for (name,) in tables:
            connection.execute(f"DELETE FROM {quoted(name)}")
    return copy


def untranslated(frozen):
    """Name the indexes that cannot be translated as the rows are: texts and numbers in a column."""
    found = frozen.prepared.plan.findings
    return {one.object for one in found if one.code == "index_not_translated"}


def without(names, lock):
    """Give the tables of a lock without some indexes."""
    return {
        name: table.model_copy(
            update={"indexes": {n: one for n, one in table.indexes.items() if n not in names}}
        )
        for name, table in lock.tables.items()
    }


@pytest.fixture
def any_database(tmp_path, seed):
    """A database for a seed."""
    path = tmp_path / "any.db"
    Maker(path, random.Random(seed)).make()
    return path


@pytest.fixture
def planner(server, tmp_path):
    """Plans on one server."""
    return Planner(server, tmp_path)


@pytest.mark.parametrize("seed", range(20))
def test_its_lock_reads_back_and_its_migration_makes_the_plan(planner, any_database):
    """Whatever its names, texts and defaults are."""
    with create_database(planner.server, new_id()) as target:
        frozen = planner.plan(any_database, target)
        text = lock_text(frozen.now)
        assert lock_text(parse_lock(text)) == text
        assert not planner.plan(any_database, target, parse_lock(text)).differences
        plan = frozen.prepared.plan
        with target.connect() as connection:
            connection.execute(migration_text(plan))
            written = read_definitions(connection, "public")
            assert differences(plan, read_catalog(connection, "public"), written) == []
            connection.rollback()


@pytest.mark.parametrize("seed", range(20))
def test_neither_new_rows_nor_their_end_change_its_schema(planner, any_database):
    """Locked without rows and planned with them, and the other way round."""
    empty = emptied(any_database)
    with create_database(planner.server, new_id()) as target:
        for first, then in ((empty, any_database), (any_database, empty)):
            free = planner.plan(first, target)
            locked = planner.plan(then, target, free.now)
            said = untranslated(free) | untranslated(locked)
            assert without(said, lock_of(locked.prepared.plan)) == without(said, free.now)


@pytest.mark.parametrize("seed", range(20))
def test_its_rows_go_over_under_the_lock_of_an_empty_one(planner, any_database):
    """What does not fit stays behind; no step fails."""
    with create_database(planner.server, new_id()) as target:
        lock = planner.plan(emptied(any_database), target).now
        prepared = planner.plan(any_database, target, lock).prepared
        for step in (step(prepared, "tests") for step in (*BEFORE, AddConstraints, *AFTER)):
            step.apply()
        with target.connect() as connection:
            found = read_catalog(connection, "public")
        differing = differences(prepared.plan, found, prepared.plan.definitions)
        assert not [one for one in differing if ": column" in one]
