"""
Finds the rows that are too large for an index, by building the index.

Postgres compresses long values, so their length decides nothing: candidates are written into a
temporary table with the very index, and those that Postgres refuses are the finding.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from pytest_deploy.findings import SAMPLE_KEYS, Finding, Severity
from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.schema.instants import moment_of
from pytest_deploy.schema.kinds import Kind
from pytest_deploy.schema.plan import PlannedIndex, PlannedTerm
from pytest_deploy.transfer.keys import shown_key
from pytest_deploy.transfer.refusals import transfer_error

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    import psycopg

    from pytest_deploy.schema.kinds import RawValue
    from pytest_deploy.schema.plan import PlannedColumn, PlannedKey, PlannedTable
    from pytest_deploy.schema.profile import TableProfile
    from pytest_deploy.schema.remedies import Remedies
    from pytest_deploy.transfer.rows import Transfer

# A third of a page less its overhead: no shorter row is refused, whatever is in it.
# Source: https://github.com/postgres/postgres/blob/REL_18_STABLE/src/include/access/nbtree.h
LARGEST_ROW_BYTES = 2_704
_ALWAYS_FITS_BYTES = 2_600
_WORTH_SHORTENING_BYTES = 300
_LONG = (Kind.TEXT, Kind.BYTEA, Kind.NUMERIC)


@dataclass(frozen=True)
class _Probe:
    """An index as it is to be tried: its name, its columns, and whether it is unique."""

    name: str
    columns: tuple[PlannedColumn, ...]
    unique: bool


def settle_large_rows(
    transfer: Transfer,
    table: PlannedTable,
    profile: TableProfile,
    remedies: Remedies,
) -> tuple[PlannedTable, list[Finding]]:
    """
    Try every key and index of a table that may be too large, and shorten what is.

    Args:
        transfer: The snapshot, and the target whose Postgres decides.
        table: The table.
        profile: What it holds.
        remedies: Decides.

    Returns:
        The table with its indexes shortened or dropped, and a blocker for each.

    Raises:
        TransferError: The target could not be used.
    """
    findings: list[Finding] = []
    for probe in _probes(table):
        if _largest(probe, profile) <= _ALWAYS_FITS_BYTES:
            continue
        refused = _refused(transfer, table, probe)
        if not refused:
            continue
        suggested = "digest" if probe.unique else "prefix"
        decision = remedies.decide("indexes", probe.name, "oversized", suggested=suggested)
        findings.append(
            Finding(
                "index_row_too_large",
                Severity.BLOCKER,
                probe.name,
                f"rows of {table.source.name} whose index row is over the"
                f" {LARGEST_ROW_BYTES:,} bytes that Postgres allows",
                count=len(refused),
                sample_keys=tuple(
                    shown_key(table.source.identity, key) for key in refused[:SAMPLE_KEYS]
                ),
                remedies=("digest", "drop") if probe.unique else ("prefix", "digest", "drop"),
                suggested=suggested,
                setting=decision.setting,
                settled_by=decision.settled_by,
            )
        )
        remedy = suggested if probe.unique and decision.remedy == "prefix" else decision.remedy
        table = _shortened(table, probe, profile, remedy)
    return table, findings


def _probes(table: PlannedTable) -> list[_Probe]:
    by_name = {column.name: column for column in table.columns}
    keys: list[PlannedKey] = [*([table.primary_key] if table.primary_key else []), *table.uniques]
    probes = [_Probe(k.name, tuple(by_name[c] for c in k.columns), unique=True) for k in keys]
    return probes + [
        _Probe(index.name, tuple(by_name[t.column] for t in index.terms), index.unique)
        for index in table.indexes
        if all(term.column for term in index.terms)
    ]


def _largest(probe: _Probe, profile: TableProfile) -> int:
    return sum(
        profile.columns[column.source.name].longest_bytes
        for column in probe.columns
        if column.type.kind in _LONG
    )


def _refused(transfer: Transfer, table: PlannedTable, probe: _Probe) -> list[tuple[RawValue, ...]]:
    import psycopg

    try:
        with transfer.target.connect() as connection:
            return list(_try(connection, transfer, table, probe))
    except psycopg.Error as error:
        raise transfer_error(f"trying index {probe.name!r}", error) from None


def _try(
    connection: psycopg.Connection, transfer: Transfer, table: PlannedTable, probe: _Probe
) -> Iterator[tuple[RawValue, ...]]:
    from psycopg import errors

    columns = [f"c{n}" for n in range(len(probe.columns))]
    typed = ", ".join(f"{c} {p.type.sql}" for c, p in zip(columns, probe.columns, strict=True))
    connection.execute(f"CREATE TEMPORARY TABLE probe ({typed}) ON COMMIT DROP")
    connection.execute(f"CREATE INDEX ON probe ({', '.join(columns)})")
    values = ", ".join(f"%s::{column.type.sql}" for column in probe.columns)
    insert = f"INSERT INTO probe VALUES ({values})"
    width = len(table.source.identity)
    for row in _candidates(transfer, table, probe):
        try:
            with connection.transaction():
                connection.execute(insert, _typed(probe, row[width:]))
        except errors.ProgramLimitExceeded:
            yield row[:width]


def _typed(probe: _Probe, values: tuple[RawValue, ...]) -> list[RawValue | datetime]:
    """Postgres casts what it is given, but no number to a boolean or an instant."""
    pairs = zip(probe.columns, values, strict=True)
    return [None if v is None else _as_typed(v, p.type.kind) for p, v in pairs]


def _as_typed(value: RawValue, kind: Kind) -> RawValue | datetime:
    if kind is Kind.BOOLEAN:
        return bool(value)
    return moment_of(cast("float", value), kind.unit) if kind.unit else value


def _candidates(
    transfer: Transfer, table: PlannedTable, probe: _Probe
) -> Iterator[tuple[RawValue, ...]]:
    left_out, source = transfer.exclusions, table.source
    cells = [left_out.cell(source, column.source.name) for column in probe.columns]
    long = zip(cells, probe.columns, strict=True)
    sizes = [f"ifnull(length(CAST({cell} AS BLOB)), 0)" for cell, p in long if p.type.kind in _LONG]
    identity = [f"s.{quoted(name)}" for name in source.identity]
    yield from transfer.open_source().execute(
        f"SELECT {', '.join(identity + cells)} FROM {left_out.source_of(source)}"
        f" AND {' + '.join(sizes)} > {_ALWAYS_FITS_BYTES} ORDER BY {', '.join(identity)}"
    )


def _shortened(
    table: PlannedTable, probe: _Probe, profile: TableProfile, remedy: str
) -> PlannedTable:
    """Replace a key or index by one that fits; a key becomes a unique index on digests."""
    terms = tuple(
        PlannedTerm(
            column.name,
            shortened=remedy if _is_long(column, profile) and remedy != "drop" else None,
        )
        for column in probe.columns
    )
    key, uniques = table.primary_key, table.uniques
    if key is not None and key.name == probe.name:
        key = None
    uniques = tuple(unique for unique in uniques if unique.name != probe.name)
    kept = [index for index in table.indexes if index.name != probe.name]
    before = next((index for index in table.indexes if index.name == probe.name), None)
    if remedy != "drop":
        if before is not None:
            terms = tuple(
                replace(old, shortened=term.shortened)
                for term, old in zip(terms, before.terms, strict=True)
            )
        made = before or PlannedIndex(probe.name, terms, probe.unique)
        kept.append(replace(made, terms=terms))
    return replace(table, primary_key=key, uniques=uniques, indexes=tuple(kept))


def _is_long(column: PlannedColumn, profile: TableProfile) -> bool:
    longest = profile.columns[column.source.name].longest_bytes
    return column.type.kind in (Kind.TEXT, Kind.BYTEA) and longest > _WORTH_SHORTENING_BYTES
