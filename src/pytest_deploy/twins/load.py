"""
Defects of load: policies that hold for the app's role alone, and journeys that ask for nothing.

The policies are made on every table of the plan, and ask nothing of what is in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_deploy.schema.ddl import relation
from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.twins.statements import on_target
from pytest_deploy.twins.twin import NotApplicable, RedTwin

if TYPE_CHECKING:
    import psycopg
    import pytest

    from pytest_deploy.report.session import Session
    from pytest_deploy.transfer.planning import Prepared
    from pytest_deploy.twins.twin import Plant

_GATE = "load_is_carried"
_SLOW = "(SELECT pg_sleep(0.3)::text) IS NOT NULL"
_FAILING = "(SELECT 1 / (nextval('{schema}.one_in_a_hundred') % 100)::int) IS NOT NULL"
_WAITING = "(SELECT pg_advisory_xact_lock(1)::text || pg_sleep(0.03)::text) IS NOT NULL"
_IDLE = """\
from locust import task
from pytest_deploy.load.user import DatabaseUser


class Idle(DatabaseUser):
    pace_s = 0.1

    @task
    def nothing(self):
        pass
"""


def _by_policy(condition: str) -> Plant:
    """Let every query of the app's role come to a condition, once for each table that it reads."""

    def change(connection: psycopg.Connection, prepared: Prepared) -> None:
        plan = prepared.plan
        schema = quoted(plan.schema)
        connection.execute(f"CREATE SEQUENCE {schema}.one_in_a_hundred")
        for table in plan.tables:
            name = relation(plan, table.name)
            using = condition.format(schema=schema)
            connection.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
            connection.execute(f"CREATE POLICY red_twin ON {name} USING ({using})")

    def plant(request: pytest.FixtureRequest, value: object) -> None:
        asked_for(request.getfixturevalue("deploy"))
        on_target(change)(request, value)

    return plant


def with_load(**changes: Any) -> Plant:  # noqa: ANN401 - fields of the settings
    """
    Let the session go by another load than the configured one.

    Args:
        changes: Fields of `[gates.load]`.

    Returns:
        What a `RedTwin` takes as `plant`, after `deploy`.
    """

    def plant(_request: pytest.FixtureRequest, deploy: Session) -> None:
        asked_for(deploy)
        gates = deploy.settings.gates
        assert gates.load is not None
        load = gates.load.model_copy(update=changes)
        deploy.settings = deploy.settings.model_copy(
            update={"gates": gates.model_copy(update={"load": load})}
        )

    return plant


def _idle(request: pytest.FixtureRequest, deploy: Session) -> None:
    """Put a journey that makes no request in the place of those that are there."""
    asked_for(deploy)
    folder = deploy.release.folder / "idle"
    folder.mkdir()
    (folder / "idle.py").write_text(_IDLE, encoding="utf-8")
    with_load(folder=folder)(request, deploy)


def asked_for(deploy: Session) -> None:
    """
    Go on only where load is asked for.

    Args:
        deploy: The run.

    Raises:
        NotApplicable: None is.
    """
    if deploy.settings.load is None:
        raise NotApplicable("no load is asked for: see [gates.load]")


LOAD = (
    RedTwin(_GATE, "behaviour", _by_policy(_SLOW), defect="slow query (+300 ms)"),
    RedTwin(
        _GATE,
        "behaviour",
        _by_policy(_FAILING),
        defect="one error in a hundred requests",
    ),
    RedTwin(
        _GATE,
        "behaviour",
        _by_policy(_WAITING),
        defect="queries that wait for each other",
    ),
    RedTwin(_GATE, "deploy", _idle, defect="no requests at all"),
    RedTwin(_GATE, "deploy", with_load(users=1), defect="too few users"),
)
