"""A small database with two tables, and journeys at it, without the rest of a rehearsal."""

from contextlib import contextmanager
from types import SimpleNamespace

from pytest_deploy.config.gates import LoadSettings
from pytest_deploy.load.nodes import Nodes
from pytest_deploy.load.progress import silent
from pytest_deploy.load.trial import Place, Trial
from pytest_deploy.providers.postgres.databases import create_database

PLAN = SimpleNamespace(schema="public", tables=())
TABLES = """
CREATE TABLE pages (id int PRIMARY KEY, title text NOT NULL);
INSERT INTO pages SELECT n, 'planted-value ' || n FROM generate_series(1, 50) n;
"""
BEGINNING = """
from locust import task
from pytest_deploy.load.user import DatabaseUser

"""
BROWSE = (
    BEGINNING
    + """
class Reader(DatabaseUser):
    pace_s = 0.05

    @task
    def read(self):
        self.query("a page", "SELECT title FROM pages WHERE id = %s", (7,))
"""
)


@contextmanager
def database(server, release):
    """Make a database with rows that no report may show."""
    with create_database(server, release) as target:
        with target.connect(autocommit=True) as connection:
            connection.execute(TABLES)
        yield target


def trial(target, folder, journey=BROWSE, *, nodes=None, **settings):
    """Prepare a test of one journey."""
    for name in ("journeys", "release", "private"):
        (folder / name).mkdir(exist_ok=True, parents=True)
    if journey:
        (folder / "journeys" / "browse.py").write_text(journey)
    told = {"users": 5, "spawn_rate_per_s": 50.0, "seconds": 2.0, "connections": 5} | settings
    place = Place("app", "rehearsal", folder / "release", folder / "private")
    load = LoadSettings(folder=folder / "journeys", **told)
    return Trial(target, load, nodes or Nodes(), place, silent)


def run(target, folder, journey=BROWSE, **more):
    """Carry one journey out."""
    (found,) = trial(target, folder, journey, **more).run(PLAN).journeys
    return found
