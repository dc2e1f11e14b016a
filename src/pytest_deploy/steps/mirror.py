"""What a target knows of the audit logs of its runs: where they were, so that no end is cut off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.audit.log import current
from pytest_deploy.audit.verify import Mirrored

if TYPE_CHECKING:
    import psycopg

TABLE = "deploy.audit"
CREATE = f"""
CREATE TABLE IF NOT EXISTS {TABLE} (
    run text NOT NULL,
    lines bigint NOT NULL,
    head text NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (run, lines)
)
"""


def mirror(connection: psycopg.Connection) -> None:
    """
    Tell the target how far the log of this run is.

    Args:
        connection: In a transaction of a change; nothing is told where the table is not there.
    """
    log = current()
    if log is not None and log.lines and _is_there(connection):
        connection.execute(
            f"INSERT INTO {TABLE} (run, lines, head) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            (log.run, log.lines, log.head),
        )


def mirrored(connection: psycopg.Connection, run: str) -> tuple[Mirrored, ...]:
    """
    Ask the target how far the log of a run was.

    Args:
        connection: To the target.
        run: The run's id.

    Returns:
        Every moment that it was told of; empty where it knows of none.
    """
    if not _is_there(connection):
        return ()
    rows = connection.execute(
        f"SELECT lines, head FROM {TABLE} WHERE run = %s ORDER BY lines", (run,)
    )
    return tuple(Mirrored(*row) for row in rows)


def _is_there(connection: psycopg.Connection) -> bool:
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (TABLE,)).fetchone()
    return bool(row and row[0])
