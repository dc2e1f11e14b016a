"""
Defects of load, planted at the database by policies that hold for the app's role alone.

They are made on every table of the plan, and ask nothing of what is in it: any source with a
configured load will do.
"""

from pathlib import Path

from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.testing import RedTwin

GATE = "load_is_carried"
CONFIGURATION = """
[app]
name = "twins"
[source]
database = "source.db"
[gates.load]
users = 6
spawn_rate_per_s = 60.0
seconds = 3.0
p99_ms = 2000.0
least_rate_per_s = 5.0
least_samples = 60
worst_degradation = 3.0
"""
JOURNEY = """
from locust import task
from pytest_deploy.load.user import DatabaseUser

class Parent(DatabaseUser):
    pace_s = 0.1

    @task
    def children(self):
        self.query("children", "SELECT id, nota FROM hijos WHERE peso > %(peso)s", {"peso": 0})
"""
IDLE = JOURNEY.replace("self.query(", "str(")  # a task that asks nothing
SLOW = "(SELECT pg_sleep(0.3)::text) IS NOT NULL"
FAILING = "(SELECT 1 / (nextval('{schema}.one_in_a_hundred') % 100)::int) IS NOT NULL"
WAITING = "(SELECT pg_advisory_xact_lock(1)::text || pg_sleep(0.03)::text) IS NOT NULL"


def configured(folder):
    """Ask for load on the small database of the twins."""
    (folder / "deploy.toml").write_text(CONFIGURATION)
    (folder / "loadtests").mkdir(exist_ok=True)
    (folder / "loadtests/browse.py").write_text(JOURNEY)


def by_policy(condition):
    """Let every query of the app's role come to a condition, once for each table that it reads."""

    def plant(request, _value):
        plan = request.getfixturevalue("prepared").plan
        schema = quoted(plan.schema)
        with request.getfixturevalue("target").connect() as connection:
            connection.execute(f"CREATE SEQUENCE {schema}.one_in_a_hundred")
            for table in plan.tables:
                name = f"{schema}.{quoted(table.name)}"
                connection.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
                using = condition.format(schema=schema)
                connection.execute(f"CREATE POLICY twin ON {name} USING ({using})")

    return plant


def with_load(**changes):
    """Let the session go by another load than the configured one."""

    def plant(_request, deploy):
        gates = deploy.settings.gates
        load = gates.load.model_copy(update=changes)
        deploy.settings = deploy.settings.model_copy(
            update={"gates": gates.model_copy(update={"load": load})}
        )

    return plant


def idle(request, deploy):
    """Put a journey that makes no request in the place of those that are there."""
    folder = Path(request.config.invocation_params.dir) / "idle"
    folder.mkdir()
    (folder / "idle.py").write_text(IDLE)
    with_load(folder=folder)(request, deploy)


LOAD_TWINS = (
    RedTwin(GATE, "behaviour", by_policy(SLOW)),
    RedTwin(GATE, "behaviour", by_policy(FAILING)),
    RedTwin(GATE, "behaviour", by_policy(WAITING)),
    RedTwin(GATE, "deploy", idle),
    RedTwin(GATE, "deploy", with_load(users=1)),
)
# What each of them is caught by, at least.
CAUGHT_BY = (
    "p50 at most",
    "of all requests fail",
    "times that of this run",
    "requests",
    "requests",
)
