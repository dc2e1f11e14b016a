"""The step that makes the `deploy` schema: journal and quarantine, closed to API roles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.engine import opening
from pytest_deploy.engine.opening import ReleaseState
from pytest_deploy.engine.step import Description, Observed
from pytest_deploy.errors import StepError
from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.steps import mirror
from pytest_deploy.steps.database import DatabaseStep, seen
from pytest_deploy.transfer.quarantine import CREATE

if TYPE_CHECKING:
    import psycopg

    from pytest_deploy.engine.step import Result
    from pytest_deploy.transfer.planning import Prepared

_API_ROLES = ("anon", "authenticated", "service_role")
_JOURNAL = """
CREATE TABLE IF NOT EXISTS deploy.journal (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    format integer NOT NULL,
    release text NOT NULL,
    step text NOT NULL,
    state text NOT NULL,
    result jsonb NOT NULL DEFAULT '{}',
    at timestamptz NOT NULL DEFAULT now()
)
"""
_TABLES = ("deploy.journal", "deploy.quarantine", "deploy.releases", mirror.TABLE)
_BEGUN = "SELECT EXISTS (SELECT FROM deploy.releases WHERE id = %(release)s AND state <> 'undone')"
_OTHERS = "SELECT EXISTS (SELECT FROM deploy.releases WHERE id <> %(release)s)"
_OF_SOMEBODY_ELSE = """
SELECT to_regnamespace('deploy') IS NOT NULL AND to_regclass('deploy.releases') IS NULL
   AND to_regclass('deploy.lease') IS NULL
"""


class PrepareLedger(DatabaseStep):
    """
    Makes what the deployment itself writes to, before it touches anything else.

    Args:
        prepared: The plan and the two sides.
        release: The release's id.
        fingerprint: Of what it deploys, for whoever goes on with it.
    """

    name = "prepare_ledger"

    def __init__(self, prepared: Prepared, release: str, fingerprint: str = "") -> None:
        super().__init__(prepared, release)
        self._fingerprint = fingerprint

    def describe(self) -> Description:
        """See `Step`; the tables are its own, and nobody waits for them."""
        return Description(
            does="makes the schema deploy with its journal and its quarantine, closed to API roles",
            way_back="drops the schema deploy; where former releases are noted in it, it stays",
            stops_for="a schema deploy of somebody else: see runbooks/leftovers.md",
        )

    def _observe(self, connection: psycopg.Connection) -> Observed:
        row = connection.execute(
            "SELECT count(to_regclass(name)) FROM unnest(%s::text[]) AS name", (list(_TABLES),)
        ).fetchone()
        there = seen(int(row[0]) if row else 0, len(_TABLES))
        if there is Observed.DONE and not self._is(connection, _BEGUN):
            return Observed.NOTHING  # it is that of former releases
        return there

    def _apply(self, connection: psycopg.Connection) -> Result:
        if self._is(connection, _OF_SOMEBODY_ELSE):
            raise _not_ours()
        connection.execute("CREATE SCHEMA IF NOT EXISTS deploy")
        for table in (_JOURNAL, CREATE, opening.CREATE, mirror.CREATE):
            connection.execute(table)
        closed = 0
        for role in ("PUBLIC", *self._api_roles(connection)):
            connection.execute(f"REVOKE ALL ON SCHEMA deploy FROM {role}")
            connection.execute(f"REVOKE ALL ON ALL TABLES IN SCHEMA deploy FROM {role}")
            closed += 1
        opening.begin(connection, self._release, self._fingerprint)
        return {"closed_to_roles": closed}

    def _compensate(self, connection: psycopg.Connection) -> None:
        drop_ledger(connection, self._release)

    def _is(self, connection: psycopg.Connection, question: str) -> bool:
        row = connection.execute(question.encode(), {"release": self._release}).fetchone()
        return bool(row and row[0])

    @staticmethod
    def _api_roles(connection: psycopg.Connection) -> list[str]:
        found = connection.execute(
            "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", (list(_API_ROLES),)
        )
        return [quoted(row[0]) for row in found.fetchall()]


def drop_ledger(connection: psycopg.Connection, release: str) -> None:
    """
    Drop the schema deploy; where other releases are noted in it, note only that this one is undone.

    Args:
        connection: In the transaction that undoes the release.
        release: Its id.
    """
    row = connection.execute("SELECT to_regclass('deploy.releases') IS NOT NULL").fetchone()
    if row and row[0]:
        others = connection.execute(_OTHERS, {"release": release}).fetchone()
        if others and others[0]:
            opening.settle(connection, release, ReleaseState.UNDONE)
            return
    connection.execute("DROP SCHEMA IF EXISTS deploy CASCADE")


def _not_ours() -> StepError:
    return StepError(
        "step 'prepare_ledger'",
        problem="expected no schema deploy, or that of former releases; seen one of somebody else",
        where="the target",
        remedy="rename it, or remove what a rehearsal left behind; see runbooks/leftovers.md",
    )
