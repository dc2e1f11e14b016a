"""Streams tables into Postgres with COPY."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from pytest_deploy.errors import TransferError
from pytest_deploy.providers.postgres.lease import fence
from pytest_deploy.schema.identifiers import quoted, quoted_list
from pytest_deploy.transfer.buckets import FORMAT, PieceDigest, SourceHasher, ordering_key
from pytest_deploy.transfer.connections import transaction
from pytest_deploy.transfer.exclusions import Exclusions, open_source
from pytest_deploy.transfer.pieces import Piece, cut
from pytest_deploy.transfer.reading import read_columns
from pytest_deploy.transfer.refusals import transfer_error
from pytest_deploy.transfer.values import HEADER, TRAILER, RowWriter, UnfitValueError
from pytest_deploy.transfer.work import run

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence
    from datetime import tzinfo

    from pytest_deploy.providers.postgres.base import Connection, Target
    from pytest_deploy.schema.plan import PlannedTable
    from pytest_deploy.transfer.snapshot import Snapshot

CHUNKS = "deploy.chunks"


@dataclass(frozen=True)
class Transfer:
    """
    What a worker needs to move rows or to compare them.

    Args:
        snapshot: Where rows are read.
        exclusions: What stays behind.
        target: Where rows go.
        schema: The Postgres schema they go to.
        zone: The zone of dates that name none.
    """

    snapshot: Snapshot
    exclusions: Exclusions
    target: Target
    schema: str
    zone: tzinfo

    def relation(self, table: PlannedTable) -> str:
        """Give the qualified name of a table in Postgres, quoted."""
        return f"{quoted(self.schema)}.{quoted(table.name)}"

    def open_source(self) -> sqlite3.Connection:
        """Open the snapshot with its exclusions."""
        return open_source(self.snapshot, self.exclusions, text_errors="strict")


@dataclass(frozen=True)
class Work:
    """
    One piece of a planned table, for a worker.

    Args:
        transfer: The two sides.
        table: The table.
        piece: Which of its rows.
        number: Which of the table's pieces it is.
        ride: Whether what is read for the copy is digested for the proof.
        noted: Whether the copy leaves a note in `deploy.chunks`.
    """

    transfer: Transfer
    table: PlannedTable
    piece: Piece
    number: int = 0
    ride: bool = True
    noted: bool = False

    @property
    def bounds(self) -> tuple[int | None, int | None]:
        """The piece's keys, as far as a note may hold them: no names, no addresses."""
        if ordering_key(self.table) is None:
            return None, None
        return cast("int | None", self.piece.first), cast("int | None", self.piece.end)


@dataclass(frozen=True)
class Copied:
    """
    A piece that stands in Postgres.

    Args:
        table: The table's name in the source.
        piece: Which of its rows.
        number: Which of the table's pieces it is.
        rows: How many there are.
        sent: Bytes sent.
        digest: Of the raw values that were read for it; None where nothing rode on the copy.
        seconds: How long it took its worker; 0 where it was there already.
    """

    table: str
    piece: Piece
    number: int
    rows: int
    sent: int
    digest: PieceDigest | None = None
    seconds: float = 0.0


def work_on(transfer: Transfer, tables: Sequence[PlannedTable]) -> list[Work]:
    """
    Cut tables for workers.

    Args:
        transfer: The two sides.
        tables: The tables.

    Returns:
        Pieces, in the order of the tables.
    """
    return [
        Work(transfer, table, piece, number)
        for table in tables
        for number, piece in enumerate(cut(transfer.snapshot, table.source))
    ]


def copy_rows(
    transfer: Transfer, tables: Sequence[PlannedTable], *, workers: int, ride: bool = True
) -> Iterator[Copied]:
    """
    Copy tables, side by side where that is worth it.

    Args:
        transfer: From where to where.
        tables: The tables, which stand empty and without constraints in Postgres.
        workers: Processes; 1 for this one.
        ride: Whether what is read is digested for the proof.

    Yields:
        Each piece that is there.

    Raises:
        TransferError: Postgres refused a row, the disk is full, or the connection was lost.

    Source: https://www.postgresql.org/docs/current/sql-copy.html
    """
    todo = [replace(work, ride=ride) for work in work_on(transfer, tables)]
    yield from run(copy_piece, todo, workers=workers)


def copy_piece(work: Work) -> Copied:
    """
    Copy one piece of a table, in one transaction, and digest what is read for it.

    Args:
        work: From where to where, and the piece.

    Returns:
        What was copied.

    Raises:
        TransferError: See `copy_rows`.
    """
    import psycopg

    table, zone = work.table, work.transfer.zone
    columns = quoted_list(tuple(column.name for column in table.written))
    statement = f"COPY {work.transfer.relation(table)} ({columns}) FROM STDIN (FORMAT binary)"
    writer = RowWriter([column.type.kind for column in table.written], zone)
    written = [n for n, column in enumerate(table.columns) if column.generated is None]
    hasher = SourceHasher(table, zone) if work.ride else None
    count = sent = 0
    begin = time.perf_counter()
    try:
        with transaction(work.transfer.target) as connection:
            fence(connection)
            with connection.cursor().copy(statement) as copy:
                copy.write(HEADER)
                for values in read_columns(work):
                    # The digest is made of what was read, never of what is sent.
                    if hasher:
                        hasher.add(values)
                    rows = writer.rows([values[position] for position in written])
                    copy.write(rows)
                    sent += len(rows)
                    count += len(values[0])
                copy.write(TRAILER)
            if work.noted and hasher:
                _note(connection, work, hasher.digest())
    except psycopg.Error as error:
        raise transfer_error(f"copying table {table.source.name!r}", error) from None
    except UnfitValueError:
        raise _unfit(table) from None
    digest = hasher.digest() if hasher else None
    spent = time.perf_counter() - begin
    return Copied(table.source.name, work.piece, work.number, count, sent, digest, spent)


def _note(connection: Connection, work: Work, digest: PieceDigest) -> None:
    connection.execute(
        f"INSERT INTO {CHUNKS} (format, snapshot, source_table, first_key, end_key, piece, rows,"
        " digest) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (
            *(FORMAT, work.transfer.snapshot.fingerprint, work.table.source.name, *work.bounds),
            *(work.number, digest.rows, digest_text(digest)),
        ),
    )


def digest_text(digest: PieceDigest) -> str:
    """
    Write a digest as one hash.

    Args:
        digest: Of a piece.

    Returns:
        The same text for the same digest.
    """
    said = repr((digest.rows, digest.starts, digest.hashes, sorted(digest.sums.items())))
    return hashlib.sha256(said.encode()).hexdigest()


def _unfit(table: PlannedTable) -> TransferError:
    return TransferError(
        f"copying table {table.source.name!r}",
        problem="a value is not of the type that was planned for its column",
        where="the snapshot",
        remedy="this is a case the plan did not foresee; see runbooks/schema-findings.md",
    )
