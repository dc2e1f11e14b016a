"""The connections that the users of one process share, as those of an app do."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from pytest_deploy.schema.identifiers import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg
    from psycopg_pool import ConnectionPool

    from pytest_deploy.secrets import Secret

    Connection = psycopg.Connection[tuple[Any, ...]]

_APPLICATION = "pytest-deploy load"
_OPENING_S = 15.0
_opened: ConnectionPool[Connection] | None = None


def open_pool(database: Secret, name: str, role: str, connections: int) -> str:
    """
    Connect, as often as is allowed, before anything is measured.

    Args:
        database: What libpq needs.
        name: Another database of that server; empty for the one that is named there.
        role: The role to take; empty to stay who connected.
        connections: How many; a user who finds none free waits, and that counts.

    Returns:
        Why that is not possible: the server is not there or refuses us, or there are too many
        connections; empty where it is.
    """
    import psycopg

    try:
        _open(database, name, role, connections)
    except psycopg.Error as error:
        return f"expected {connections} connections to the database, seen {kind_of(error)}"
    return ""


def _open(database: Secret, name: str, role: str, connections: int) -> None:
    global _opened  # noqa: PLW0603 - Locust makes the users: there is no other way to hand it over
    import psycopg
    from psycopg.conninfo import make_conninfo
    from psycopg_pool import ConnectionPool

    other = {"dbname": name} if name else {}
    told = make_conninfo(database.reveal(), application_name=_APPLICATION, **other)

    def take_role(connection: Connection) -> None:
        if role:
            connection.execute(f"SET ROLE {quoted(role)}".encode())
            connection.commit()

    with psycopg.connect(told) as first:  # says why not; a pool says only that it waited
        take_role(first)
    pool: ConnectionPool[Connection] = ConnectionPool(
        told, min_size=connections, max_size=connections, open=False, configure=take_role
    )
    pool.open(wait=True, timeout=_OPENING_S)
    _opened = pool


@contextmanager
def taken_back() -> Iterator[Connection]:
    """
    Take a connection out of the pool, in a transaction that is rolled back.

    Yields:
        The connection.
    """
    import psycopg

    assert _opened is not None, "the pool is opened before users come"
    with _opened.connection() as connection:
        try:
            yield connection
        except Exception:
            with suppress(psycopg.Error):  # the cause is told, not that the connection is gone, too
                connection.rollback()
            raise
        except BaseException:
            connection.close()  # in the middle of a query nothing else can be said on it
            raise
        connection.rollback()


class Kind(str):
    """What kind of error it was, in words that hold no value: no other text is reported."""

    __slots__ = ()


def kind_of(error: BaseException) -> Kind:
    """
    Name an error without its message, which may quote a value of a row.

    Args:
        error: What went wrong.

    Returns:
        The class, with the SQLSTATE where there is one.
    """
    state = getattr(error, "sqlstate", None)
    return Kind(f"{type(error).__name__} {state}" if state else type(error).__name__)
