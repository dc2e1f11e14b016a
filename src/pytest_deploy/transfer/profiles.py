"""Looks at every value of the source, in processes side by side where there is enough of it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from pytest_deploy.schema.declared_types import declared_exactly, is_declared_date
from pytest_deploy.schema.profile import Rows, TableProfile, profile_table
from pytest_deploy.transfer.pieces import PIECE_ROWS, Piece, pieces_of
from pytest_deploy.transfer.raw_source import open_quick
from pytest_deploy.transfer.work import run, worker_count

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_deploy.schema.model import Table
    from pytest_deploy.schema.profile import Connect
    from pytest_deploy.transfer.snapshot import Snapshot


@dataclass(frozen=True)
class ToProfile:
    """
    A piece of work.

    Args:
        snapshot: Where rows are read.
        piece: Which of them.
    """

    snapshot: Snapshot
    piece: Piece


def profile_all(
    snapshot: Snapshot, tables: Sequence[Table], *, workers: int, piece_rows: int | None = None
) -> dict[str, TableProfile]:
    """
    Profile every table.

    Args:
        snapshot: Where rows are read.
        tables: The tables.
        workers: Processes; 0 for as many as are worth it.
        piece_rows: Rows of a piece; None for `PIECE_ROWS`.

    Returns:
        What each holds, by its name: the same, however it was cut.
    """
    snapshot = snapshot.for_workers
    size = piece_rows or PIECE_ROWS
    # One connection for all: each reads the whole schema when it is first asked something.
    with closing(snapshot.connect()) as connection:
        pieces = [piece for table in tables for piece in pieces_of(connection, table, rows=size)]
    rows = (len(pieces) - len(tables)) * size
    todo = [ToProfile(snapshot, piece) for piece in pieces]
    profiles: dict[str, TableProfile] = {}
    done = run(profile_piece, todo, workers=worker_count(workers, rows))
    for piece, profile in zip(pieces, done, strict=True):
        name = piece.table.name
        profiles[name] = profiles[name].merged(profile) if name in profiles else profile
    return profiles


def profile_piece(todo: ToProfile) -> TableProfile:
    """
    Profile a piece of a table.

    Args:
        todo: The piece.

    Returns:
        What it holds.
    """
    table = todo.piece.table
    exact = {
        column.name: declared
        for column in table.columns
        if (declared := declared_exactly(column.declared)) is not None
    }
    look = partial(
        profile_table,
        table=table,
        dates=frozenset(c.name for c in table.columns if is_declared_date(c.declared)),
        exact=exact,
        rows=Rows(*todo.piece.condition("s")),
    )
    return _quickly(todo, look) or look(todo.snapshot.connect)


def _quickly(todo: ToProfile, look: Callable[[Connect], TableProfile]) -> TableProfile | None:
    """Read with apsw; what stops it, text that is not UTF-8 or damage, is sqlite3's to tell."""
    import apsw

    if any(column.generated == "virtual" for column in todo.piece.table.columns):
        return None
    try:
        return look(lambda _: open_quick(todo.snapshot))
    except (apsw.Error, UnicodeDecodeError):
        return None
