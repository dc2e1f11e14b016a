"""One connection to the target for each process, however many pieces of work it does."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_deploy.providers.postgres.base import Connection, Target

_kept: dict[tuple[str, int, str], Connection] = {}


@contextmanager
def transaction(target: Target) -> Iterator[Connection]:
    """
    Work in one transaction, on the connection that is kept.

    Args:
        target: The database.

    Yields:
        The connection; it is given up where the body fails.
    """
    key = (target.server.host, target.server.port, target.database)
    connection = _kept.get(key)
    if connection is None:
        connection = _kept[key] = target.connect()
    try:
        with connection.transaction():
            yield connection
    except BaseException:
        _kept.pop(key, connection).close()
        raise


def close_all() -> None:
    """Give every connection up: the work of this process is done."""
    while _kept:
        _kept.popitem()[1].close()
