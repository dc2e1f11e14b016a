"""What `deploy.toml` says of single objects of the source."""

import sqlite3

import pytest

from pytest_deploy.config import load
from pytest_deploy.providers.postgres.databases import create_database
from pytest_deploy.schema.fidelity import fidelity
from pytest_deploy.schema.remedies import Remedies
from tests.integration.whole_way import planned

SCHEMA = """
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT CHECK (own(name)), email TEXT UNIQUE,
    seen DATETIME DEFAULT 0);
CREATE INDEX users_by_own ON users (own(name));
INSERT INTO users (name, email, seen) VALUES ('a', 'a@x', '2024-01-01'), ('b', 'b@x', '2024-01-01 10:00:00');
"""


@pytest.fixture
def plan(server, tmp_path):
    """Plan the schema under a configuration."""
    database = tmp_path / "app.db"
    connection = sqlite3.connect(database)
    connection.create_function("own", 1, lambda _: 1, deterministic=True)
    connection.executescript(SCHEMA)
    connection.close()

    def planned_by(toml, *, borrowed=False):
        path = tmp_path / "deploy.toml"
        path.write_text('[app]\nname = "x"\n[source]\ndatabase = "app.db"\n' + toml)
        settings = load(path).model_copy(update={"borrowed": borrowed})
        with create_database(server, "wanted") as target:
            return planned(database, target, Remedies(settings, accept=True), tmp_path).plan

    return planned_by


def found(plan, code):
    """Give the objects of findings of a code."""
    return [finding.object for finding in plan.findings if finding.code == code]


def test_what_is_not_kept_on_purpose_is_no_risk(plan):
    """`keep = false` quiets a check and an index as it does a view."""
    made = plan(
        '[schema.checks."users.users_check"]\nkeep = false\n'
        "[schema.indexes.users_by_own]\nkeep = false\n"
    )
    assert found(made, "left_out") == ["users.users_check", "users_by_own"]
    assert found(made, "check_not_translated") == found(made, "index_not_translated") == []


def test_a_name_that_is_nobodys_is_told_with_the_nearest(plan):
    """In any section; what is left out is somebody's all the same."""
    made = plan(
        '[schema.columns."users.nme"]\ntype = "text"\n[schema.triggers.t]\nkeep = false\n'
        "[schema.indexes.users_pkey]\nkeep = false\n"
    )
    assert found(made, "setting_of_nothing") == ["t", "users.nme"]
    messages = {f.object: f.message for f in made.findings}
    assert "did you mean 'users.name'?" in messages["users.nme"]
    assert "the source has none" in messages["t"]


def test_of_a_borrowed_database_no_setting_is_expected_to_be_somebodys(plan):
    """The configuration is another database's."""
    made = plan("[schema.triggers.t]\nkeep = false\n", borrowed=True)
    assert found(made, "setting_of_nothing") == []


def test_what_is_not_kept_has_its_own_reason(plan):
    """Not that of another finding about the same column."""
    made = plan("")
    (lost,) = [one for one in fidelity(made, made.findings).not_kept if one.kind == "defaults"]
    assert lost.object == "users.seen"
    assert lost.reason.startswith("its default is not kept")
