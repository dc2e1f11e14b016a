"""
One deployment at a time: a row of the target says whose turn it is, and every change asks it.

A lock of a session goes with its connection, and may go while its holder still works. The row stays
until its holder lets go, or somebody takes it over who knows that the holder is dead; from then on
every transaction of the former holder is refused.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from pytest_deploy.audit.log import noted
from pytest_deploy.errors import LeaseLostError, TargetError
from pytest_deploy.processes import Process
from pytest_deploy.providers.postgres.base import RUN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from pytest_deploy.providers.postgres.base import Connection, Target

_ONE_AT_A_TIME = 0x70797465_73742D64  # "pytest-d": nobody else's by chance
_LOCK_WAIT = "30s"
_SIGN_OF_LIFE_S = 5.0
_SILENT_S = 60.0  # after which a holder on another machine may be dead
_RUNBOOK = "runbooks/releases.md"
# Its key changes with its holder alone: whoever takes it over waits for transactions that asked it,
# and a sign of life waits for none.
_CREATE = """
CREATE SCHEMA IF NOT EXISTS deploy;
CREATE TABLE IF NOT EXISTS deploy.lease (
    token bigint PRIMARY KEY,
    run text,
    host text NOT NULL,
    pid integer NOT NULL,
    started text NOT NULL,
    boot text NOT NULL,
    space text NOT NULL,
    since timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now()
);
REVOKE ALL ON deploy.lease FROM PUBLIC;
"""
_FOREIGN = """
SELECT to_regnamespace('deploy') IS NOT NULL
   AND to_regclass('deploy.releases') IS NULL AND to_regclass('deploy.lease') IS NULL
"""
_LOOK = """
SELECT token, run, pid, started, host, boot, space, since,
       extract(epoch FROM clock_timestamp() - seen_at)::float8
FROM deploy.lease
"""
_TAKE = """
UPDATE deploy.lease SET token = token + 1, run = %(run)s, host = %(host)s, pid = %(pid)s,
    started = %(started)s, boot = %(boot)s, space = %(space)s,
    since = clock_timestamp(), seen_at = clock_timestamp()
WHERE token = %(token)s
"""
_TAKE_FIRST = """
INSERT INTO deploy.lease (token, run, host, pid, started, boot, space)
SELECT 1, %(run)s, %(host)s, %(pid)s, %(started)s, %(boot)s, %(space)s
WHERE NOT EXISTS (SELECT FROM deploy.lease)
"""
_SIGN = "UPDATE deploy.lease SET seen_at = clock_timestamp() WHERE run = %s"
_LET_GO = "UPDATE deploy.lease SET run = NULL, seen_at = clock_timestamp() WHERE run = %s"
_ASK = "SELECT token FROM deploy.lease WHERE run = %s FOR KEY SHARE"
_IS_THERE = "SELECT to_regclass('deploy.lease') IS NOT NULL"
_ALONE = """
SELECT to_regclass('deploy.lease') IS NOT NULL AND NOT EXISTS (
    SELECT FROM pg_class WHERE relnamespace = 'deploy'::regnamespace AND relkind IN ('r', 'v', 'S')
      AND relname <> 'lease'
)
"""


@dataclass(frozen=True)
class Holder:
    """
    Who holds a target.

    Args:
        run: The run's id.
        process: Its process.
        since: Since when.
        silent_s: How long ago it gave a sign of life.
    """

    run: str
    process: Process
    since: datetime
    silent_s: float

    @property
    def is_dead(self) -> bool:
        """Whether it is known here that it ended; of another machine nothing is."""
        return not self.process.lives()

    def __str__(self) -> str:
        where = f"{self.process.host}:{self.process.pid}"
        return f"run {self.run} of {where}, since {self.since:%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True)
class Looked:
    """
    The lease as it was when somebody looked.

    Args:
        token: How often it changed hands; 0 where there was none.
        holder: Who held it; None for nobody.
    """

    token: int = 0
    holder: Holder | None = None


def look(target: Target) -> Looked:
    """
    Look who holds a target, changing nothing.

    Args:
        target: The target.

    Returns:
        The lease as it is now.
    """
    with target.connect() as connection:
        return _looked(connection)


def refuse_where_held(target: Target, looked: Looked, take_over: str = "") -> None:
    """
    Stop where somebody else works on a target.

    Args:
        target: The target, for the message.
        looked: The lease.
        take_over: The run that a person says is dead.

    Raises:
        TargetError: Somebody holds it who may be alive.
    """
    holder = looked.holder
    if holder is None or holder.is_dead:
        return
    if take_over == holder.run and holder.silent_s > _SILENT_S:
        return
    raise _held_by(target, holder)


@contextmanager
def held(target: Target, looked: Looked, take_over: str = "") -> Iterator[None]:
    """
    Hold a target for as long as the body runs.

    Args:
        target: The target, with the run that holds it.
        looked: The lease as it was before anything else was looked at.
        take_over: The run that a person says is dead.

    Raises:
        TargetError: Somebody else holds it, or has held it since it was looked at.
    """
    refuse_where_held(target, looked, take_over)
    take(target, looked)
    ended = threading.Event()
    signs = threading.Thread(target=_give_signs, args=(target, ended), daemon=True)
    signs.start()
    try:
        yield
    finally:
        ended.set()
        signs.join()
        _let_go(target)


def take(target: Target, looked: Looked) -> None:
    """
    Have a target from now on; `held` gives it back.

    Args:
        target: The target, with the run that has it.
        looked: The lease as it was before anything else was looked at.

    Raises:
        TargetError: Somebody else has held it since it was looked at, or works on it still.
    """
    import psycopg

    asked = {**asdict(Process.this()), "run": target.run, "token": looked.token}
    try:
        with target.connect() as connection:
            connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_WAIT}'".encode())
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_ONE_AT_A_TIME,))
            row = connection.execute(_FOREIGN).fetchone()
            if row and row[0]:
                raise _not_ours(target)
            connection.execute(_CREATE.encode())
            taken = connection.execute((_TAKE if looked.token else _TAKE_FIRST).encode(), asked)
            if taken.rowcount != 1:
                raise _taken_meanwhile(target, _looked(connection).holder)
    except psycopg.errors.LockNotAvailable:
        raise _still_works(target) from None


def fence(connection: Connection) -> None:
    """
    Ask, in the transaction of a change, whether it is still its run's turn.

    Whoever takes the target over waits until the transaction has ended.

    Args:
        connection: Of a target that is held; one of no run, as a rehearsal's plain database has
            it, is not asked.

    Raises:
        LeaseLostError: It is somebody else's turn.

    Source: https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-ROWS
    """
    import psycopg

    run = _run_of(connection)
    if not run:
        return
    try:
        row = connection.execute(_ASK, (run,)).fetchone()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        row = None
    if row is None:
        raise _lost(run)


@contextmanager
def fenced(connection: Connection) -> Iterator[None]:
    """
    Make the body one transaction of a run whose turn it is.

    Args:
        connection: To the target.

    Raises:
        LeaseLostError: It is somebody else's turn.
    """
    with connection.transaction():
        fence(connection)
        yield


@contextmanager
def changing(target: Target) -> Iterator[Connection]:
    """
    Connect for one transaction of a run whose turn it is.

    Args:
        target: The target.

    Yields:
        The connection, in its transaction.

    Raises:
        LeaseLostError: It is somebody else's turn.
        TargetError: The server is unreachable or refuses us.
    """
    # Begun here: a transaction within would commit by itself, ahead of the rest.
    with (
        noted("database", "transaction", target.database),
        target.connect() as connection,
        fenced(connection),
    ):
        yield connection


def _run_of(connection: Connection) -> str:
    _, _, told = connection.info.options.partition(f"{RUN}=")
    return told.partition(" ")[0]


def _looked(connection: Connection) -> Looked:
    row = connection.execute(_IS_THERE).fetchone()
    found = connection.execute(_LOOK).fetchone() if row and row[0] else None
    if found is None:
        return Looked()
    token, run, pid, started, host, boot, space, since, silent_s = found
    if run is None:
        return Looked(token)
    return Looked(token, Holder(run, Process(pid, started, host, boot, space), since, silent_s))


def _give_signs(target: Target, ended: threading.Event) -> None:
    import psycopg

    while not ended.wait(_SIGN_OF_LIFE_S):
        # A target that cannot be reached is told by whoever works on it.
        with suppress(psycopg.Error, TargetError), target.connect() as connection:
            connection.execute(_SIGN, (target.run,))


def _let_go(target: Target) -> None:
    """Leave nothing behind where no release came of it."""
    import psycopg

    # A schema that an undone release took with it, a target that is gone: there is nothing to hold.
    with suppress(psycopg.Error, TargetError), target.connect() as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_ONE_AT_A_TIME,))
        row = connection.execute(_ALONE.encode()).fetchone()
        if row and row[0] and connection.execute(_ASK, (target.run,)).fetchone():
            connection.execute("DROP SCHEMA deploy CASCADE")
        else:
            connection.execute(_LET_GO, (target.run,))


def _held_by(target: Target, holder: Holder) -> TargetError:
    alive = f"a sign of life {holder.silent_s:.0f} s ago"
    if holder.silent_s > _SILENT_S:
        remedy = f"if you know that it is dead: --take-over {holder.run}"
    else:
        remedy = "wait until it has ended"
    return TargetError(
        "deployment",
        problem=f"expected no other deployment on the target, seen {holder}, {alive}",
        where=f"{target.url_for_people}, deploy.lease",
        remedy=f"{remedy}; see {_RUNBOOK}",
    )


def _taken_meanwhile(target: Target, holder: Holder | None) -> TargetError:
    by = str(holder) if holder else "one that has ended"
    return TargetError(
        "deployment",
        problem=f"expected no other deployment since this one looked at the target, seen {by}",
        where=f"{target.url_for_people}, deploy.lease",
        remedy=f"run again; nothing was changed; see {_RUNBOOK}",
    )


def _still_works(target: Target) -> TargetError:
    return TargetError(
        "deployment",
        problem=f"expected nobody to work on the target, seen a transaction for over {_LOCK_WAIT}",
        where=f"{target.url_for_people}, deploy.lease",
        remedy="end it: SELECT pg_terminate_backend(pid) FROM pg_locks"
        f" WHERE relation = 'deploy.lease'::regclass; see {_RUNBOOK}",
    )


def _not_ours(target: Target) -> TargetError:
    return TargetError(
        "deployment",
        problem="expected no schema deploy, or that of former releases; seen one of somebody else",
        where=target.url_for_people,
        remedy="rename it, or remove what a rehearsal left behind; see runbooks/leftovers.md",
    )


def _lost(run: str) -> LeaseLostError:
    return LeaseLostError(
        "deployment",
        problem=f"expected the target to be held by run {run}, seen that it was taken over",
        where="the target, deploy.lease",
        remedy=f"let the other one end; this one changes and undoes nothing more; see {_RUNBOOK}",
    )
