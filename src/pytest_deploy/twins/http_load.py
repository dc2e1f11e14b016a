"""Defects of load over HTTP: a slow policy, a missing grant, no requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_deploy.load.journeys import journeys_that_ask
from pytest_deploy.schema.ddl import relation
from pytest_deploy.twins.load import asked_for, with_load
from pytest_deploy.twins.twin import NotApplicable, RedTwin

if TYPE_CHECKING:
    import pytest

    from pytest_deploy.providers.supabase.base import Supabase
    from pytest_deploy.report.session import Session
    from pytest_deploy.schema.plan import PlannedTable
    from pytest_deploy.transfer.planning import Prepared

_GATE = "http_load_is_carried"
# All that the journeys ask is there by then, and nothing was asked yet.
_AFTER = "http_sessions"
_SLOW = "(SELECT pg_sleep(0.3)::text) IS NOT NULL"
_ROLES = "anon, authenticated"
_IDLE = """\
from locust import task
from pytest_deploy.load.http import SupabaseUser


class Idle(SupabaseUser):
    pace_s = 0.1

    @task
    def nothing(self):
        pass
"""


def _slow_policy(request: pytest.FixtureRequest, _value: Any) -> None:  # noqa: ANN401 - any fixture's
    """Let every question of an API role wait, once for each table that it reads."""
    prepared, project = _there(request)
    with project.database.connect() as connection:
        for table in prepared.plan.tables:
            name = relation(prepared.plan, table.name)
            connection.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY".encode())
            policy = f"CREATE POLICY red_twin ON {name} AS RESTRICTIVE USING ({_SLOW})"
            connection.execute(policy.encode())


def _grant_missing(request: pytest.FixtureRequest, _value: Any) -> None:  # noqa: ANN401 - any fixture's
    """Let API roles read one table no more."""
    prepared, project = _there(request)
    name = relation(prepared.plan, _asked_table(request.getfixturevalue("deploy"), prepared).name)
    with project.database.connect() as connection:
        connection.execute(f"REVOKE ALL ON {name} FROM {_ROLES}".encode())


def _idle(request: pytest.FixtureRequest, deploy: Session) -> None:
    """Put a journey that makes no request in the place of those that are there."""
    asked_for(deploy)
    if deploy.settings.api is None:
        raise NotApplicable("the app does not go to Supabase")
    folder = deploy.release.folder / "idle-over-http"
    folder.mkdir()
    (folder / "idle.py").write_text(_IDLE, encoding="utf-8")
    with_load(folder=folder)(request, deploy)


def _there(request: pytest.FixtureRequest) -> tuple[Prepared, Supabase]:
    asked_for(request.getfixturevalue("deploy"))
    project: Supabase | None = request.getfixturevalue("supabase")
    if project is None:
        raise NotApplicable("the app does not go to Supabase")
    return request.getfixturevalue("prepared"), project


def _asked_table(deploy: Session, prepared: Prepared) -> PlannedTable:
    assert deploy.settings.load is not None
    files = journeys_that_ask(deploy.settings.load.folder, "project")
    texts = "".join(file.read_text(encoding="utf-8") for file in files)
    for table in prepared.plan.tables:
        if f'/rest/v1/{table.name}"' in texts:
            return table
    raise NotApplicable("no journey names a table in the path of a request")


HTTP_LOAD = (
    RedTwin(_GATE, _AFTER, _slow_policy, defect="slow policy (+300 ms)"),
    RedTwin(_GATE, _AFTER, _grant_missing, defect="a grant missing under load"),
    RedTwin(_GATE, "deploy", _idle, defect="no requests over HTTP"),
)
