"""Which locks a step takes, looked up in `pg_locks`: a description need not be believed."""

from __future__ import annotations

import threading
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

from pytest_deploy.engine.locks import Held, LockMode
from pytest_deploy.providers.postgres.base import APPLICATION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_deploy.providers.postgres.base import Connection, Target

_WATCHER = f"{APPLICATION} locks"
_PERIOD_S = 0.05
_MODES = {mode.in_postgres: mode for mode in LockMode}
# Readers lock nobody out, and the ledger is read and written by the deployment alone.
_HELD = """
SELECT DISTINCT l.mode, n.nspname || '.' || c.relname
FROM pg_locks l
JOIN pg_class c ON c.oid = l.relation
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE l.locktype = 'relation'
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND l.mode = ANY(%(modes)s)
  AND c.relkind IN ('r', 'p', 'S', 'v', 'm')
  AND n.nspname NOT IN ('pg_catalog', 'pg_toast', 'information_schema', 'deploy')
"""
_OF_ONE = f"{_HELD} AND l.pid = pg_backend_pid()"
_OF_ALL = (
    f"{_HELD} AND l.pid IN (SELECT pid FROM pg_stat_activity WHERE application_name = %(ours)s)"
)


def held_by(connection: Connection) -> frozenset[Held]:
    """
    List the locks of a transaction: Postgres keeps them until it ends.

    Args:
        connection: In that transaction.

    Returns:
        All but those of readers, of catalogues and of the ledger.

    Source: https://www.postgresql.org/docs/current/view-pg-locks.html
    """
    return _look(connection, _OF_ONE)


@contextmanager
def watched(target: Target, seen: set[Held]) -> Iterator[None]:
    """
    Look again and again, while the body works, which locks its connections hold or wait for.

    Args:
        target: The database.
        seen: Takes what is seen; what is gone within its period may be missed.

    Yields:
        Nothing.
    """
    ended = threading.Event()
    with closing(target.connect(autocommit=True, application_name=_WATCHER)) as connection:
        watcher = threading.Thread(target=_watch, args=(connection, seen, ended), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()


def _watch(connection: Connection, seen: set[Held], ended: threading.Event) -> None:
    import psycopg

    # A target that is gone is told by whoever works on it.
    with suppress(psycopg.Error):
        while not ended.wait(_PERIOD_S):
            seen |= _look(connection, _OF_ALL)


def _look(connection: Connection, query: str) -> frozenset[Held]:
    asked = {"modes": list(_MODES), "ours": APPLICATION}
    rows = connection.execute(query, asked).fetchall()
    return frozenset(Held(_MODES[mode], relation) for mode, relation in rows)
