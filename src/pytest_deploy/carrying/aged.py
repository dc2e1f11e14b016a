"""
An app as it might have been before: with it the way back to SQLite is rehearsed.

Nobody has written on a rehearsal's project. So the source is made older instead: rows and files are
missing, others are not yet what they are, and some were there that are gone. What is carried back
into it has to come out as the source is.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_deploy.carrying.writing import writing
from pytest_deploy.schema.identifiers import quoted, quoted_list
from pytest_deploy.transfer.adapting import adapt
from pytest_deploy.transfer.changes import changes_of
from pytest_deploy.transfer.manifest import Entry, Manifest, Place

if TYPE_CHECKING:
    from pathlib import Path

    import apsw

    from pytest_deploy.carrying.back import Baseline
    from pytest_deploy.schema.plan import PlannedTable
    from pytest_deploy.transfer.exclusions import Exclusions

ROWS = 200  # of each table, and of each kind of change
FILES = 15
_NAME, _GONE = "aged.db", "removed-by-somebody"


def aged(base: Baseline, folder: Path) -> tuple[Baseline, frozenset[Place]]:
    """
    Make a source older.

    Args:
        base: The source; it stays as it is.
        folder: Private; for the copy.

    Returns:
        The older one, and the objects of which it has another or none.
    """
    raw = base.adaptation.raw
    path = folder / _NAME
    raw.copy_to(path)
    left_out = base.prepared.transfer.exclusions
    with writing(path, raw, left_out) as connection:
        for table in base.tables:
            _age(connection, table, left_out, _share(base, table))
    manifest, looked_at = _aged_files(base)
    gone = {one.path for one in base.manifest.entries} if base.manifest else set()
    gone -= {one.path for one in manifest.entries} if manifest else set()
    kept = tuple(one for one in raw.uploads if one.path not in gone)
    snapshot = replace(raw.changed_in(path), uploads=kept)
    adaptation = adapt(snapshot, changes_of(base.settings, snapshot), folder)
    return replace(base, adaptation=adaptation, manifest=manifest), looked_at


def _share(base: Baseline, table: PlannedTable) -> int:
    """Leave some rows of small tables as they are, too."""
    rows = base.prepared.source.profiles[table.source.name].rows
    return min(ROWS, math.ceil(rows / 4))


def _age(connection: apsw.Connection, table: PlannedTable, left_out: Exclusions, rows: int) -> None:
    source = table.source
    name, identity = quoted(source.name), quoted_list(source.identity)
    of_s = ", ".join(f"s.{quoted(column)}" for column in source.identity)
    some = (
        f"({identity}) IN (SELECT {of_s} FROM {left_out.source_of(source)}"
        f" ORDER BY {of_s} LIMIT {rows})"
    )
    connection.execute(f"DELETE FROM {name} WHERE {some}")
    emptied = [
        f"{quoted(column.source.name)} = NULL"
        for column in table.columns
        if not (column.source.not_null or column.source.generated)
        and column.source.name not in (*source.primary_key, source.rowid_column)
    ]
    if emptied:
        connection.execute(f"UPDATE {name} SET {', '.join(emptied)} WHERE {some}")
    key = source.rowid_column
    if key is None or left_out.cells_of(source.name) or left_out.rows_of(source.name):
        return
    columns = [column.source for column in table.columns]
    others = [quoted(c.name) for c in columns if c.name != key and not c.generated]
    connection.execute(
        f"INSERT OR IGNORE INTO {name} ({', '.join((quoted(key), *others))})"
        f" SELECT {', '.join((f'{quoted(key)} + 1', *others))} FROM {name}"
        f" WHERE {quoted(key)} < 9223372036854775807 ORDER BY {quoted(key)} DESC LIMIT 1"
    )


def _aged_files(base: Baseline) -> tuple[Manifest | None, frozenset[Place]]:
    if base.manifest is None or base.settings.storage is None:
        return base.manifest, frozenset()
    entries = base.manifest.entries
    missing, others = entries[:FILES], entries[FILES : 2 * FILES]
    bucket = next(iter(base.settings.storage.buckets))
    gone = Entry(_GONE, 0, "", "", bucket, _GONE)
    older = [replace(one, sha256="") for one in others]
    manifest = Manifest(tuple(sorted((*older, *entries[2 * FILES :], gone))))
    return manifest, frozenset(Place(one.bucket, one.key) for one in (*missing, *others))
