"""
What a copy that was stopped has already brought over, kept on the target beside the rows.

A chunk is one piece of a table; its note commits with its rows. A note alone proves nothing: the
chunk is read on both sides before it is left alone, and else it is deleted and copied anew. Rows
that have no integer key cannot be deleted by piece: such a table is kept whole or copied anew.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_deploy.providers.postgres.lease import fence
from pytest_deploy.transfer.buckets import FORMAT, PieceDigest, added, ordering_key, piece_sql
from pytest_deploy.transfer.connections import transaction
from pytest_deploy.transfer.proof_jobs import digest_source, target_hashes, target_sums
from pytest_deploy.transfer.rows import CHUNKS, Copied, copy_piece, digest_text, work_on
from pytest_deploy.transfer.work import run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import psycopg

    from pytest_deploy.schema.plan import PlannedTable
    from pytest_deploy.transfer.rows import Transfer, Work

_CREATE = f"""
CREATE TABLE IF NOT EXISTS {CHUNKS} (
    format integer NOT NULL,
    snapshot text NOT NULL,
    source_table text NOT NULL,
    first_key bigint,
    end_key bigint,
    piece integer NOT NULL,
    rows bigint NOT NULL,
    digest text NOT NULL,
    PRIMARY KEY (source_table, piece)
)
"""


def create(connection: psycopg.Connection) -> None:
    """
    Make the table of notes, where it is not there.

    Args:
        connection: To the target; `deploy` is there.
    """
    connection.execute(_CREATE)


def drop(connection: psycopg.Connection) -> None:
    """
    Drop the table of notes: the copy is whole, or undone.

    Args:
        connection: To the target.
    """
    connection.execute(f"DROP TABLE IF EXISTS {CHUNKS}")


def are_there(connection: psycopg.Connection) -> bool:
    """
    Tell whether a copy was stopped here.

    Args:
        connection: To the target.

    Returns:
        Whether there is a note of any chunk.
    """
    found = connection.execute(f"SELECT to_regclass('{CHUNKS}') IS NOT NULL").fetchone()
    if not found or not found[0]:
        return False
    return connection.execute(f"SELECT 1 FROM {CHUNKS} LIMIT 1").fetchone() is not None


def copy_the_rest(
    transfer: Transfer, tables: Sequence[PlannedTable], *, workers: int
) -> Iterator[tuple[Copied, bool]]:
    """
    Copy what a copy that was stopped has not brought over.

    Args:
        transfer: From where to where.
        tables: The tables, without constraints in Postgres.
        workers: Processes; 1 for this one.

    Yields:
        Each piece that is there, and whether it was there before.

    Raises:
        TransferError: Postgres refused a row, the disk is full, or the connection was lost.
    """
    todo = [replace(work, noted=True) for work in work_on(transfer, tables)]
    noted = _noted(transfer)
    proven = _proven([work for work in todo if _key(work) in noted], noted, workers)
    proven = {key: one for key, one in proven.items() if key[0] in _kept_whole(todo, proven)}
    yield from ((one, True) for one in proven.values())
    rest = [work for work in todo if _key(work) not in proven]
    _clear(transfer, rest)
    yield from ((one, False) for one in run(copy_piece, rest, workers=workers))


def _key(work: Work) -> tuple[str, int]:
    return work.table.source.name, work.number


def _noted(transfer: Transfer) -> dict[tuple[str, int], tuple[object, ...]]:
    with transfer.target.connect() as connection:
        found = connection.execute(
            f"SELECT source_table, piece, first_key, end_key, rows, digest FROM {CHUNKS}"
            " WHERE format = %s AND snapshot = %s",
            (FORMAT, transfer.snapshot.fingerprint),
        ).fetchall()
    return {(name, piece): tuple(rest) for name, piece, *rest in found}


def _proven(
    todo: list[Work], noted: dict[tuple[str, int], tuple[object, ...]], workers: int
) -> dict[tuple[str, int], Copied]:
    """Keep the chunks that are noted as they would be now, and are on the target what they say."""
    proven: dict[tuple[str, int], Copied] = {}
    for work, (digest, is_there) in zip(todo, run(prove_chunk, todo, workers=workers), strict=True):
        as_now = (*work.bounds, digest.rows, digest_text(digest))
        if is_there and noted[_key(work)] == as_now:
            of_piece = work.table.source.name, work.piece, work.number
            proven[_key(work)] = Copied(*of_piece, digest.rows, sent=0, digest=digest)
    return proven


def prove_chunk(work: Work) -> tuple[PieceDigest, bool]:
    """
    Read a chunk on both sides.

    Args:
        work: The chunk.

    Returns:
        The digest of its source, and whether the target has the same. Of a table without an
        integer key the whole stands on the target: that is compared once all pieces are known.
    """
    digest = digest_source(work)
    if ordering_key(work.table) is None:
        return digest, True
    return digest, target_hashes(work, digest) == dict(enumerate(digest.hashes))


def _kept_whole(todo: list[Work], proven: dict[tuple[str, int], Copied]) -> set[str]:
    """Name the tables of which proven chunks may stay."""
    of_table: dict[str, list[Work]] = defaultdict(list)
    for work in todo:
        of_table[work.table.source.name].append(work)
    return {name for name, works in of_table.items() if _may_stay(works, proven)}


def _may_stay(works: list[Work], proven: dict[tuple[str, int], Copied]) -> bool:
    if ordering_key(works[0].table) is not None:
        return True
    digests = [one.digest for work in works if (one := proven.get(_key(work))) is not None]
    if len(digests) < len(works):
        return False
    expected = added(digest for digest in digests if digest is not None)
    return expected == target_sums(works[0].transfer, works[0].table)


def _clear(transfer: Transfer, rest: list[Work]) -> None:
    """Delete what is where the rest goes, with its notes."""
    with transaction(transfer.target) as connection:
        fence(connection)
        for work in rest:
            within = "true" if ordering_key(work.table) is None else None
            within = within or piece_sql(work.table, work.piece)
            connection.execute(f"DELETE FROM {transfer.relation(work.table)} WHERE {within}")
            connection.execute(
                f"DELETE FROM {CHUNKS} WHERE source_table = %s AND piece = %s", _key(work)
            )
