"""Keeps what stays behind, losslessly, in `deploy.quarantine` on the target."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING

from pytest_deploy.schema.identifiers import literal, quoted
from pytest_deploy.schema.kinds import is_storable_text
from pytest_deploy.transfer.exclusions import ALIAS, open_source

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

    import psycopg

    from pytest_deploy.schema.kinds import RawValue
    from pytest_deploy.schema.model import Table
    from pytest_deploy.transfer.exclusions import Exclusions
    from pytest_deploy.transfer.rows import Transfer

    Kept = tuple[str, str, str, str, bool, str, bytes | None]

CREATE = """
CREATE TABLE IF NOT EXISTS deploy.quarantine (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    release text NOT NULL,
    table_name text NOT NULL,
    row_key text NOT NULL,
    column_name text NOT NULL,
    reason text NOT NULL,
    whole_row boolean NOT NULL,
    storage_class text NOT NULL,
    value bytea
)
"""
# What former releases left behind stays; it is not what this one did.
CURRENT = """release = (
    SELECT id FROM deploy.releases WHERE state <> 'undone' ORDER BY began_at DESC, id DESC LIMIT 1
)"""
_COLUMNS = "release, table_name, row_key, column_name, reason, whole_row, storage_class, value"


def write_quarantine(
    transfer: Transfer, tables: Iterable[Table], connection: psycopg.Connection, release: str
) -> int:
    """
    Write every value that stays behind.

    A row is kept as all its columns. Text and blobs are kept as their bytes, integers as decimal
    digits, reals as eight bytes (IEEE 754, big endian).

    Args:
        transfer: From where to where.
        tables: The source's tables.
        connection: A connection to the target, in a transaction.
        release: The release's id.

    Returns:
        Values written.
    """
    count = 0
    statement = f"COPY deploy.quarantine ({_COLUMNS}) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(["text", "text", "text", "text", "text", "bool", "text", "bytea"])
        for kept in quarantined(transfer, tables):
            copy.write_row((release, *kept))
            count += 1
    return count


def quarantined(transfer: Transfer, tables: Iterable[Table]) -> Iterator[Kept]:
    """
    Read every value that stays behind from the snapshot.

    Args:
        transfer: From where.
        tables: The source's tables.

    Yields:
        Table, key as JSON, column, reason, whether its whole row stays, storage class, bytes.
    """
    left_out = transfer.exclusions
    source = open_source(transfer.snapshot, left_out)
    for table in tables:
        if left_out.rows_of(table.name):
            yield from _rows(source, table, left_out.numbers[table.name])
        if left_out.cells_of(table.name):
            yield from _cells(source, table, left_out)


def _rows(source: sqlite3.Connection, table: Table, number: int) -> Iterator[Kept]:
    names = [column.name for column in table.columns]
    values = ", ".join(f"s.{quoted(name)}" for name in names)
    for reason, key, row in _joined(source, table, f"rows_{number}", values):
        for name, value in zip(names, row, strict=True):
            yield table.name, key, name, reason, True, *_stored(value)


def _cells(source: sqlite3.Connection, table: Table, left_out: Exclusions) -> Iterator[Kept]:
    cells = f"cells_{left_out.numbers[table.name]}"
    for name in left_out.cells[table.name]:
        which = f"x.col = {literal(name)}"
        found = _joined(source, table, cells, f"s.{quoted(name)}", which)
        for reason, key, row in found:
            yield table.name, key, name, reason, False, *_stored(row[0])


def _joined(
    source: sqlite3.Connection,
    table: Table,
    excluded: str,
    values: str,
    which: str = "1",
) -> Iterator[tuple[str, str, tuple[RawValue, ...]]]:
    """Read reason, key as JSON and values of the rows that an exclusion table names."""
    identity = table.identity
    keys = [f"s.{quoted(name)}" for name in identity]
    same = " AND ".join(f"{key} = x.k{n}" for n, key in enumerate(keys))
    shown = tuple(dict.fromkeys((*table.primary_key, *identity)))
    wanted = ", ".join(f"s.{quoted(name)}" for name in shown)
    rows = source.execute(
        f"SELECT x.reason, {wanted}, {values} FROM {ALIAS}.{excluded} AS x"
        f" JOIN main.{quoted(table.name)} AS s ON {same} WHERE {which}"
        f" ORDER BY {', '.join(keys)}"
    )
    for row in rows:
        key = dict(zip(shown, map(_in_json, row[1 : 1 + len(shown)]), strict=True))
        if table.primary_key and None not in [key[name] for name in table.primary_key]:
            key = {name: key[name] for name in table.primary_key}
        yield row[0], json.dumps(key, ensure_ascii=False), row[1 + len(shown) :]


def _in_json(value: RawValue) -> object:
    """Write a part of a key so that JSON and Postgres take it whatever its bytes are."""
    if isinstance(value, bytes):
        return {"blob": value.hex()}
    if isinstance(value, str) and not is_storable_text(value):
        return {"text": _bytes(value).hex()}
    return value


def _stored(value: RawValue) -> tuple[str, bytes | None]:
    if value is None:
        return "null", None
    if isinstance(value, int):
        return "integer", str(value).encode()
    if isinstance(value, float):
        return "real", struct.pack(">d", value)
    return ("blob", value) if isinstance(value, bytes) else ("text", _bytes(value))


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")
