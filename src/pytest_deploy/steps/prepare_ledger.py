"""The step that makes the `deploy` schema: journal and quarantine, closed to API roles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.engine.step import Description
from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.steps.database import DatabaseStep, seen
from pytest_deploy.transfer.quarantine import CREATE

if TYPE_CHECKING:
    import psycopg

    from pytest_deploy.engine.step import Observed, Result

_API_ROLES = ("anon", "authenticated", "service_role")
_JOURNAL = """
CREATE TABLE deploy.journal (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    format integer NOT NULL,
    release text NOT NULL,
    step text NOT NULL,
    state text NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
)
"""


class PrepareLedger(DatabaseStep):
    """Makes what the deployment itself writes to, before it touches anything else."""

    name = "prepare_ledger"

    def describe(self) -> Description:
        """See `Step`; the tables are its own, and nobody waits for them."""
        return Description(
            does="makes the schema deploy with its journal and its quarantine, closed to API roles",
            way_back="drops the schema deploy",
            stops_for="a schema deploy that stands there already: see runbooks/leftovers.md",
        )

    def _observe(self, connection: psycopg.Connection) -> Observed:
        row = connection.execute(
            "SELECT count(to_regclass('deploy.journal')) + count(to_regclass('deploy.quarantine'))"
        ).fetchone()
        return seen(int(row[0]) if row else 0, 2)

    def _apply(self, connection: psycopg.Connection) -> Result:
        connection.execute("CREATE SCHEMA deploy")
        connection.execute(_JOURNAL)
        connection.execute(CREATE)
        closed = 0
        for role in ("PUBLIC", *self._api_roles(connection)):
            connection.execute(f"REVOKE ALL ON SCHEMA deploy FROM {role}")
            connection.execute(f"REVOKE ALL ON ALL TABLES IN SCHEMA deploy FROM {role}")
            closed += 1
        return {"closed_to_roles": closed}

    def _compensate(self, connection: psycopg.Connection) -> None:
        connection.execute("DROP SCHEMA IF EXISTS deploy CASCADE")

    @staticmethod
    def _api_roles(connection: psycopg.Connection) -> list[str]:
        found = connection.execute(
            "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", (list(_API_ROLES),)
        )
        return [quoted(row[0]) for row in found.fetchall()]
