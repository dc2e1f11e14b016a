"""Every constraint that is dropped on the target is found, not by chance but each time."""

import os
import sqlite3

import pytest

from pytest_deploy.behaviour.trial import Limits, compare_behaviour
from pytest_deploy.config import for_source
from pytest_deploy.gates.behaviour import writes_behave_alike
from pytest_deploy.providers.postgres import embedded
from pytest_deploy.providers.postgres.databases import create_database
from pytest_deploy.schema.fidelity import fidelity
from pytest_deploy.schema.remedies import Remedies
from pytest_deploy.workspace import Workspace
from tests.integration.whole_way import planned, problems

SCHEMA = """
CREATE TABLE parent (
    id INTEGER PRIMARY KEY,
    code TEXT NOT NULL COLLATE NOCASE UNIQUE,
    n INT NOT NULL CHECK (n BETWEEN 1 AND 5),
    kind TEXT CHECK (kind IN ('a', 'b')),
    day TEXT DEFAULT 'monday',
    CONSTRAINT few CHECK (length(code) < 40)
);
CREATE TABLE child (
    id INTEGER PRIMARY KEY,
    parent INT REFERENCES parent ON DELETE CASCADE ON UPDATE SET NULL,
    note TEXT NOT NULL
);
CREATE TABLE pair (a INT, b TEXT, c DATE NOT NULL, PRIMARY KEY (a, b)) WITHOUT ROWID;
CREATE UNIQUE INDEX one_active ON child (note) WHERE parent IS NOT NULL;
CREATE TABLE log (id INTEGER PRIMARY KEY, said TEXT NOT NULL);
CREATE TRIGGER told AFTER UPDATE OF kind ON parent BEGIN
    INSERT INTO log (said) VALUES (NEW.code);
END;
INSERT INTO parent (code, n, kind) VALUES ('Ana', 1, 'a'), ('Bob', 2, NULL), ('x', 3, 'b');
INSERT INTO child (parent, note) VALUES (1, 'one'), (2, 'two'), (NULL, 'none');
"""
KEY = "ALTER TABLE child DROP CONSTRAINT child_parent_fkey"
DEFECTS = {
    "NOT NULL of a text": "ALTER TABLE parent ALTER code DROP NOT NULL",
    "NOT NULL of a number": "ALTER TABLE parent ALTER n DROP NOT NULL",
    "NOT NULL of an empty table": "ALTER TABLE pair ALTER c DROP NOT NULL",
    "CHECK of numbers": "ALTER TABLE parent DROP CONSTRAINT parent_check",
    "CHECK of words": "ALTER TABLE parent DROP CONSTRAINT parent_check1",
    "PRIMARY KEY": "ALTER TABLE pair DROP CONSTRAINT pair_pkey",
    "UNIQUE in other letters": 'DROP INDEX "parent_code_key_folded"',
    "partial index": "DROP INDEX one_active",
    "DEFAULT": "ALTER TABLE parent ALTER day DROP DEFAULT",
    "FOREIGN KEY": KEY,
    "ON DELETE": f"{KEY}, ADD CONSTRAINT child_parent_fkey FOREIGN KEY (parent)"
    " REFERENCES parent ON UPDATE SET NULL",
    "ON UPDATE": f"{KEY}, ADD CONSTRAINT child_parent_fkey FOREIGN KEY (parent)"
    " REFERENCES parent ON DELETE CASCADE ON UPDATE CASCADE",
    "TRIGGER": "DROP TRIGGER told ON parent",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A database that was taken over whole, and a way to try what writes do on it."""
    folder = tmp_path_factory.mktemp("systematic")
    database = folder / "app.db"
    with sqlite3.connect(database) as connection:
        connection.executescript(SCHEMA)
    workspace = Workspace.create(f"systematic-{os.getpid()}")
    try:
        with (
            embedded.serve(workspace, reason="tests") as server,
            create_database(server, "systematic") as target,
        ):
            prepared = planned(
                database, target, Remedies(for_source(database), accept=True), folder
            )
            assert problems(prepared, target) == []
            yield prepared, target
    finally:
        workspace.close()


def judged(prepared, seed):
    """Compare what writes do; give the verdict."""
    kept = fidelity(prepared.plan, prepared.plan.findings)
    return writes_behave_alike(prepared, compare_behaviour(prepared, kept, (), Limits(seed, 60)))


def test_every_constraint_is_tried(made):
    """One operation for each, and the figures say so."""
    verdict = judged(made[0], seed=7)
    assert verdict.problems == ()
    assert "constraints_untried" not in verdict.measured
    assert verdict.measured["constraints_tried"] == verdict.measured["constraints_total"] > 15


@pytest.mark.parametrize("what", DEFECTS)
def test_what_is_dropped_is_found(made, what):
    """Whatever the seed is."""
    prepared, target = made
    with target.connect() as connection:
        definitions = _definitions(connection)
        connection.execute(DEFECTS[what])
        connection.commit()
        try:
            for seed in (1, 2):
                assert judged(prepared, seed).problems
        finally:
            _restore(connection, definitions)


def _definitions(connection):
    """Note what may be dropped."""
    keys = connection.execute(
        "SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'p', 'f')"
    ).fetchall()
    indexes = connection.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
    ).fetchall()
    triggers = connection.execute(
        "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal"
    ).fetchall()
    return keys, dict(indexes), dict(triggers)


def _restore(connection, definitions):
    """Make again what is missing."""
    connection.rollback()
    keys, indexes, triggers = definitions
    for table, name, _ in keys:
        connection.execute(f'ALTER TABLE {table} DROP CONSTRAINT IF EXISTS "{name}" CASCADE')
    for table, name, definition in sorted(keys, key=lambda key: key[2].startswith("FOREIGN")):
        connection.execute(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}')
    now = _definitions(connection)
    for name in indexes.keys() - now[1].keys():
        connection.execute(indexes[name])
    for name in triggers.keys() - now[2].keys():
        connection.execute(triggers[name])
    for table, column in (("parent", "code"), ("parent", "n"), ("pair", "c")):
        connection.execute(f"ALTER TABLE {table} ALTER {column} SET NOT NULL")
    connection.execute("ALTER TABLE parent ALTER day SET DEFAULT 'monday'")
    connection.commit()
