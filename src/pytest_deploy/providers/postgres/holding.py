"""One deployment at a time: who begins holds the target until it ends, even by `kill -9`."""

from __future__ import annotations

import os
import socket
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from pytest_deploy.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from pytest_deploy.providers.postgres.base import Target

_KEY = 0x70797465_73742D64  # "pytest-d": nobody else's by chance
_LONGEST_NAME = 63  # of an application, in Postgres
_HOLDER = """
SELECT a.application_name, a.backend_start FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (l.classid::bigint << 32 | l.objid::bigint) = %s
"""


@contextmanager
def held(target: Target, release: str) -> Iterator[None]:
    """
    Hold a target for as long as the body runs.

    Args:
        target: The target; not through a pooler that gives each transaction another session.
        release: The release's id, for whoever finds it held.

    Raises:
        TargetError: Somebody else holds it; said at once, and by whom.

    Source: https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
    """
    import psycopg

    name = f"deploys {release} from {socket.gethostname()}:{os.getpid()}"[:_LONGEST_NAME]
    with target.connect(autocommit=True, application_name=name) as connection:
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", (_KEY,)).fetchone()
        if not (row and row[0]):
            raise _held_by_another(target, connection)
        try:
            yield
        finally:
            # The server ends a session some time after it was closed; a cut one holds nothing.
            with suppress(psycopg.OperationalError):
                connection.execute("SELECT pg_advisory_unlock(%s)", (_KEY,))


def _held_by_another(target: Target, connection: psycopg.Connection) -> TargetError:
    found = connection.execute(_HOLDER, (_KEY,)).fetchone()
    seen = "somebody else's"
    if found:
        seen = f"one that {found[0]}, since {found[1]:%Y-%m-%d %H:%M} UTC"
    return TargetError(
        "deployment",
        problem=f"expected no other deployment on the target, seen {seen}",
        where=target.url_for_people,
        remedy="wait until it has ended; see runbooks/releases.md",
    )
