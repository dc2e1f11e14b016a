"""Is every row there, or in quarantine, and is quarantine whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_deploy.gates.verdict import Verdict
from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.transfer.quarantine import CURRENT, quarantined

if TYPE_CHECKING:
    from pytest_deploy.transfer.planning import Prepared


@dataclass(frozen=True)
class RowCount:
    """
    The rows of one table.

    Args:
        table: Its name in the source.
        source: Rows in the snapshot.
        target: Rows in Postgres.
        quarantined: Rows that stayed behind whole.
    """

    table: str
    source: int
    target: int
    quarantined: int


def count_rows(prepared: Prepared) -> tuple[RowCount, ...]:
    """
    Count on both sides, each by its own database.

    Args:
        prepared: The plan and the two sides.

    Returns:
        One count for each table.
    """
    transfer = prepared.transfer
    source = transfer.open_source()
    with transfer.target.connect() as connection:
        kept: dict[str, int] = dict(connection.execute(_ROWS_IN_QUARANTINE.encode()).fetchall())
        counts = []
        for table in prepared.plan.tables:
            name = table.source.name
            here = source.execute(f"SELECT count(*) FROM main.{quoted(name)}").fetchone()[0]
            there = connection.execute(
                f"SELECT count(*) FROM {transfer.relation(table)}"
            ).fetchone()
            counts.append(RowCount(name, here, there[0] if there else 0, kept.get(name, 0)))
    return tuple(counts)


_ROWS_IN_QUARANTINE = f"""
SELECT table_name, count(DISTINCT row_key) FROM deploy.quarantine
WHERE whole_row AND {CURRENT} GROUP BY 1
"""


def row_counts_agree(counts: tuple[RowCount, ...]) -> Verdict:
    """
    Judge counts: what is in the source is in the target or in quarantine.

    Args:
        counts: From `count_rows`.

    Returns:
        One problem for each table where a row is missing or too many.
    """
    return Verdict(
        examined=sum(count.source for count in counts),
        unit="rows",
        problems=tuple(
            f"{c.table}: {c.source:,} rows in the source, {c.target:,} in the target and"
            f" {c.quarantined:,} in quarantine"
            for c in counts
            if c.source != c.target + c.quarantined
        ),
        measured={
            "rows_target": sum(count.target for count in counts),
            "rows_quarantined": sum(count.quarantined for count in counts),
        },
    )


def quarantine_is_whole(prepared: Prepared) -> Verdict:
    """
    Compare every value in quarantine with the source's, byte by byte.

    Args:
        prepared: The plan and the two sides.

    Returns:
        One problem for each table whose values are not all there; the tables count as examined.
    """
    transfer, tables = prepared.transfer, prepared.plan.source.tables
    statement = (
        "SELECT table_name, row_key, column_name, reason, whole_row, storage_class, value"
        f" FROM deploy.quarantine WHERE {CURRENT} ORDER BY id"
    )
    with transfer.target.connect() as connection:
        stored = connection.execute(statement.encode()).fetchall()
    wanted = list(quarantined(transfer, tables))
    unequal = {w[0] for w in wanted} ^ {s[0] for s in stored}
    unequal |= {w[0] for w, s in zip(wanted, stored, strict=False) if w != s}
    if len(wanted) != len(stored):
        unequal.add(f"{len(wanted):,} values wanted, {len(stored):,} found")
    return Verdict(
        examined=len(tables),
        unit="tables",
        problems=tuple(
            f"quarantine of {name}: not what the source holds" for name in sorted(unequal)
        ),
        measured={"values_in_quarantine": len(stored)},
    )
