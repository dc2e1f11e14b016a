"""One connection to the target for each process, however many pieces of work it does."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from pytest_deploy.transfer.raw_source import open_raw

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_deploy.providers.postgres.base import Connection, Target
    from pytest_deploy.transfer.exclusions import Exclusions
    from pytest_deploy.transfer.raw_source import RawSource
    from pytest_deploy.transfer.snapshot import Snapshot

_kept: dict[tuple[str, int, str, str], Connection] = {}
_sources: dict[tuple[Path, Path, bool], RawSource] = {}


@contextmanager
def transaction(target: Target) -> Iterator[Connection]:
    """
    Work in one transaction, on the connection that is kept.

    Args:
        target: The database.

    Yields:
        The connection; it is given up where the body fails.
    """
    key = (target.server.host, target.server.port, target.database, target.run)
    connection = _kept.get(key)
    if connection is None:
        connection = _kept[key] = target.connect()
    try:
        with connection.transaction():
            yield connection
    except BaseException:
        _kept.pop(key, connection).close()
        raise


def raw_source(snapshot: Snapshot, left_out: Exclusions, *, computes: bool) -> RawSource:
    """
    Open a snapshot with its exclusions, or take the connection that is kept.

    Args:
        snapshot: The snapshot.
        left_out: What stays behind.
        computes: See `open_raw`.

    Returns:
        A source that gives texts as bytes.
    """
    key = (snapshot.path, left_out.path, computes)
    if key not in _sources:
        _sources[key] = open_raw(snapshot, left_out, computes=computes)
    return _sources[key]


def close_all() -> None:
    """Give every connection up: the work of this process is done."""
    while _kept:
        _kept.popitem()[1].close()
    while _sources:
        _sources.popitem()[1].connection.close()
