"""The app's own statements run on both sides, and what comes to something else is told."""

import os
import sqlite3

import pytest

from pytest_deploy.behaviour.queries import AppQuery
from pytest_deploy.behaviour.trial import Limits, compare_behaviour
from pytest_deploy.config import for_source
from pytest_deploy.providers.postgres import embedded
from pytest_deploy.providers.postgres.databases import create_database
from pytest_deploy.schema.fidelity import fidelity
from pytest_deploy.schema.remedies import Remedies
from pytest_deploy.steps.add_constraints import AddConstraints
from pytest_deploy.workspace import Workspace
from tests.integration.whole_way import AFTER, BEFORE, planned

SCHEMA = """
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, seen DATETIME, points REAL);
INSERT INTO users VALUES (1, 'Ñandú', '2026-01-01 10:00:00', 1.5), (2, 'ana', NULL, 2),
    (3, 'Ana', '2026-02-01 09:30:00', NULL);
CREATE VIEW active AS SELECT id, name FROM users WHERE seen IS NOT NULL;
"""
SECRET = "a secret name"
ALIKE = (
    AppQuery("by name", "SELECT id FROM users WHERE name LIKE :n ORDER BY id", {"n": "ana"}),
    AppQuery(
        "counted",
        "SELECT id FROM users WHERE id >= :p1 AND name <> :p2",
        {"p1": 2, "p2": "ana"},
        "SELECT id FROM users WHERE id >= %s AND name <> %s",
        counted=True,
    ),
    AppQuery("a view", "SELECT * FROM active ORDER BY name"),
    AppQuery("no order", "SELECT name, points FROM users"),
    AppQuery("a date", "SELECT date(seen), strftime('%H', seen) FROM users ORDER BY id"),
    AppQuery("an insert", "INSERT INTO users (name) VALUES (:n)", {"n": SECRET}),
    AppQuery("a change", "UPDATE users SET name = upper(name), points = points * 2"),
    AppQuery("refused by both", "INSERT INTO users (name) VALUES (:n)", {"n": "ana"}),
    AppQuery(
        "of its own",
        "SELECT json_group_array(id) FROM (SELECT id FROM users ORDER BY id)",
        {"least": 1},
        "SELECT '[' || string_agg(id::text, ',' ORDER BY id) || ']' FROM users WHERE id >= %(least)s",
    ),
)
DIFFERENT = {
    "another answer": (
        AppQuery("q", "SELECT count(*) FROM users", {}, "SELECT count(*) + 1 FROM users"),
        "1 of 1 rows differ",
    ),
    "another order": (
        AppQuery("q", "SELECT id FROM users ORDER BY id", {}, "SELECT id FROM users ORDER BY -id"),
        "2 of 3 rows differ",
    ),
    "fewer rows": (
        AppQuery("q", "SELECT id FROM users", {}, "SELECT id FROM users LIMIT 1"),
        "3 rows in SQLite, 1 in Postgres",
    ),
    "only one takes it": (
        AppQuery(
            "q", "DELETE FROM users", {}, f"INSERT INTO users (id, name) VALUES (1, '{SECRET}')"
        ),
        "SQLite: 0 rows; Postgres: ",
    ),
    "another change": (
        AppQuery("q", "UPDATE users SET points = 7", {}, "UPDATE users SET points = 8"),
        "then users is not the same (columns points)",
    ),
    "a change that is none": (
        AppQuery("q", "DELETE FROM users WHERE id = 1", {}, "DELETE FROM users WHERE id = -1"),
        "then users is not the same (2 rows in SQLite, 3 in Postgres)",
    ),
    "refused by one, no SQL for the other": (
        AppQuery("q", "INSERT INTO users (name) VALUES ('ana')", {}, f"no SQL '{SECRET}'"),
        "Postgres does not run it: ",
    ),
    "a mistake in it": (AppQuery("q", "SELECT nothing FROM users"), "a name that is no column"),
    "no equal": (AppQuery("q", "SELECT load_extension('x') FROM users"), "-- postgres:"),
}


@pytest.fixture(scope="module")
def deployed(tmp_path_factory):
    """A database that has gone over."""
    folder = tmp_path_factory.mktemp("queries")
    database = folder / "app.db"
    connection = sqlite3.connect(database)
    connection.executescript(SCHEMA)
    connection.close()
    workspace = Workspace.create(f"queries-{os.getpid()}")
    try:
        with (
            embedded.serve(workspace, reason="tests") as server,
            create_database(server, "queries") as target,
        ):
            prepared = planned(
                database, target, Remedies(for_source(database), accept=True), folder
            )
            for step in (*BEFORE, AddConstraints, *AFTER):
                step(prepared, "tests").apply()
            yield prepared
    finally:
        workspace.close()


def problems(prepared, *queries):
    """Compare statements, and give what is told of them."""
    kept = fidelity(prepared.plan, prepared.plan.findings, frozenset())
    behaviour = compare_behaviour(prepared, kept, queries, Limits(1, seconds=60))
    assert behaviour.queries["compared"] == len(queries)
    return behaviour.query_problems


def test_statements_that_come_to_the_same(deployed):
    """By the rows they give; what one changes the next does not see."""
    assert problems(deployed, *ALIKE) == []


@pytest.mark.parametrize(("query", "said"), DIFFERENT.values(), ids=DIFFERENT)
def test_a_statement_that_differs_is_told_without_values(deployed, query, said):
    """By its name and by what differs."""
    (told,) = problems(deployed, query)
    assert told.startswith("query q: ") and said in told
    assert SECRET not in told
