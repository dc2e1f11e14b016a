"""Defects of rows and cells, planted as soon as the rows are copied."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_deploy.schema.identifiers import quoted, quoted_list
from pytest_deploy.schema.kinds import INSTANTS, Kind
from pytest_deploy.twins.places import by_freedom, first_cell, first_row, leaves_first
from pytest_deploy.twins.statements import on_target
from pytest_deploy.twins.twin import NotApplicable, RedTwin

if TYPE_CHECKING:
    import psycopg
    import pytest

    from pytest_deploy.schema.plan import PlannedTable
    from pytest_deploy.transfer.planning import Prepared
    from pytest_deploy.twins.statements import OnTarget

_COPIED = "rows_copied"
_INSTANTS = (Kind.TIMESTAMPTZ, *INSTANTS)
_TEXT = (Kind.TEXT,)
_COMPARED = frozenset({Kind.TEXT, Kind.BIGINT, Kind.NUMERIC, Kind.DOUBLE})
_TWO = 2


def _cell(kinds: tuple[Kind, ...], condition: str, what: str, becomes: str) -> OnTarget:
    """Change one cell of such a kind, for which the condition holds; `{}` is the column."""

    def change(connection: psycopg.Connection, prepared: Prepared) -> None:
        nullable = becomes == "NULL"
        cell = first_cell(connection, prepared, kinds, condition, what, nullable=nullable)
        cell.change(connection, becomes.format(cell.name))

    return change


def _float_off(connection: psycopg.Connection, prepared: Prepared) -> None:
    finite = "{} NOT IN ('NaN', 'Infinity', '-Infinity')"
    cell = first_cell(connection, prepared, (Kind.DOUBLE,), finite, "real that is finite")
    value = _value(connection, prepared, cell.row.table, cell.name, cell.row.place)
    assert isinstance(value, float)
    cell.change(connection, "%s", math.nextafter(value, math.inf))


def _without_nul(connection: psycopg.Connection, prepared: Prepared) -> None:
    has_nul = r"position('\x00'::bytea in {}) > 0"
    cell = first_cell(connection, prepared, (Kind.BYTEA,), has_nul, "blob with a NUL")
    value = _value(connection, prepared, cell.row.table, cell.name, cell.row.place)
    assert isinstance(value, bytes)
    cell.change(connection, "%s", value.replace(b"\0", b""))


def _value(
    connection: psycopg.Connection, prepared: Prepared, table: PlannedTable, name: str, place: str
) -> object:
    relation = prepared.transfer.relation(table)
    row = connection.execute(f"SELECT {name} FROM {relation} WHERE ctid = %s::tid", (place,))
    found = row.fetchone()
    return found[0] if found else None


def _row_dropped(connection: psycopg.Connection, prepared: Prepared) -> None:
    row = first_row(connection, prepared)
    connection.execute(f"DELETE FROM {row.relation} WHERE ctid = %s::tid", (row.place,))


def _row_twice(connection: psycopg.Connection, prepared: Prepared) -> None:
    row = first_row(connection, prepared, lambda table: bool(table.written))
    names = quoted_list(tuple(column.name for column in row.table.written))
    connection.execute(
        f"INSERT INTO {row.relation} ({names}) OVERRIDING SYSTEM VALUE"
        f" SELECT {names} FROM {row.relation} WHERE ctid = %s::tid",
        (row.place,),
    )


def _row_added(connection: psycopg.Connection, prepared: Prepared) -> None:
    row = first_row(connection, prepared, lambda table: table.identity is not None)
    assert row.table.identity is not None
    key = row.table.identity.name
    others = tuple(c.name for c in row.table.written if c.name != key)
    names = ", ".join(map(quoted, (key, *others)))
    values = ", ".join(
        (f"(SELECT max({quoted(key)}) + 1 FROM {row.relation})", *map(quoted, others))
    )
    connection.execute(
        f"INSERT INTO {row.relation} ({names}) OVERRIDING SYSTEM VALUE"
        f" SELECT {values} FROM {row.relation} WHERE ctid = %s::tid",
        (row.place,),
    )


def _values_swapped(connection: psycopg.Connection, prepared: Prepared) -> None:
    """Give two rows each other's value: counts, sums and sets of values stay the same."""
    for table, column in by_freedom(prepared.plan):
        if column.type.kind not in _COMPARED:
            continue
        relation, name = prepared.transfer.relation(table), quoted(column.name)
        two = connection.execute(
            f"SELECT a.ctid::text, b.ctid::text FROM {relation} AS a"
            f" JOIN {relation} AS b ON a.{name} <> b.{name} LIMIT 1"
        ).fetchone()
        if two is None:
            continue
        connection.execute(
            f"UPDATE {relation} AS t SET {name} = o.{name} FROM {relation} AS o"
            " WHERE (t.ctid, o.ctid) IN ((%s::tid, %s::tid), (%s::tid, %s::tid))",
            (*two, *reversed(two)),
        )
        return
    raise NotApplicable("no column of the source has two values")


def _tampered(connection: psycopg.Connection, prepared: Prepared) -> None:
    """Change a byte in quarantine, or put something there where it is empty."""
    changed = connection.execute(
        "UPDATE deploy.quarantine SET value = coalesce(value, '') || 'x'::bytea"
        " WHERE id = (SELECT min(id) FROM deploy.quarantine)"
    )
    if changed.rowcount:
        return
    if not prepared.plan.tables:
        raise NotApplicable("the source has no table")
    connection.execute(
        "INSERT INTO deploy.quarantine"
        " (release, table_name, row_key, column_name, reason, whole_row, storage_class)"
        " SELECT id, %s, '{}', '', '', false, 'null' FROM deploy.releases",
        (prepared.plan.tables[0].source.name,),
    )


def _emptied(connection: psycopg.Connection, _prepared: Prepared) -> None:
    if not connection.execute("DELETE FROM deploy.quarantine").rowcount:
        raise NotApplicable("nothing is in quarantine")


def _refused(request: pytest.FixtureRequest, value: object) -> None:
    """Make two rows the same in a key that is to be added."""
    if request.getfixturevalue("deploy").options.accept_remedies:
        raise NotApplicable("--accept-remedies settles what Postgres refuses")
    on_target(_key_twice)(request, value)


def _key_twice(connection: psycopg.Connection, prepared: Prepared) -> None:
    for table in leaves_first(prepared.plan):
        keys = (*table.uniques, *((table.primary_key,) if table.primary_key else ()))
        relation = prepared.transfer.relation(table)
        for key in keys:
            names = [quoted(name) for name in key.columns]
            present = " AND ".join(f"{name} IS NOT NULL" for name in names)
            two = connection.execute(
                f"SELECT ctid::text FROM {relation} WHERE {present} LIMIT 2"
            ).fetchall()
            if len(two) < _TWO:
                continue
            same = ", ".join(f"{name} = o.{name}" for name in names)
            connection.execute(
                f"UPDATE {relation} AS t SET {same} FROM {relation} AS o"
                " WHERE t.ctid = %s::tid AND o.ctid = %s::tid",
                (two[0][0], two[1][0]),
            )
            return
    raise NotApplicable("the source has no key with two rows")


def _of_cell(defect: str, change: OnTarget) -> RedTwin:
    return RedTwin("every_cell_matches", _COPIED, on_target(change), defect=defect)


CELLS = (
    _of_cell(
        "cell changed by one character",
        _cell(
            _TEXT,
            "length({}) > 0",
            "text",
            "left({0}, -1) || CASE right({0}, 1) WHEN 'x' THEN 'y' ELSE 'x' END",
        ),
    ),
    _of_cell(
        "case of a letter changed",
        _cell(
            _TEXT,
            "{0} <> upper({0}) OR {0} <> lower({0})",
            "text with letters",
            "CASE {0} WHEN upper({0}) THEN lower({0}) ELSE upper({0}) END",
        ),
    ),
    _of_cell("trailing space", _cell(_TEXT, "{} <> ''", "text", "{} || ' '")),
    _of_cell(
        "text truncated",
        _cell(_TEXT, "length({}) > 1", "text of two characters", "left({0}, length({0}) / 2)"),
    ),
    _of_cell(
        "encoding broken",
        _cell(
            _TEXT,
            "octet_length({0}) > length({0})",
            "text beyond ASCII",
            "convert_from(convert_to({}, 'UTF8'), 'LATIN1')",
        ),
    ),
    _of_cell(
        "NULL for empty string",
        _cell(_TEXT, "{} = ''", "empty string where NULL may be", "NULL"),
    ),
    _of_cell("NUL stripped from a bytea", _without_nul),
    _of_cell("float off by one unit in the last place", _float_off),
    _of_cell(
        "integer off by one",
        _cell((Kind.BIGINT,), "{0} < 2 ^ 62", "integer outside of keys", "{} + 1"),
    ),
    _of_cell(
        "timestamp off by an hour",
        _cell(_INSTANTS, "isfinite({})", "timestamp", "{} + interval '1 hour'"),
    ),
    _of_cell(
        "timestamp off by a microsecond",
        _cell(_INSTANTS, "isfinite({})", "timestamp", "{} + interval '1 microsecond'"),
    ),
    _of_cell("date off by a day", _cell((Kind.DATE,), "isfinite({})", "date", "{} + 1")),
    _of_cell("boolean flipped", _cell((Kind.BOOLEAN,), "{} IS NOT NULL", "boolean", "NOT {}")),
    _of_cell("values of two rows swapped", _values_swapped),
)
ROWS = (
    RedTwin("row_counts_agree", _COPIED, on_target(_row_dropped), defect="row dropped"),
    RedTwin("row_counts_agree", _COPIED, on_target(_row_twice), defect="row duplicated"),
    RedTwin("row_counts_agree", _COPIED, on_target(_row_added), defect="row added"),
    RedTwin(
        "quarantine_is_whole", _COPIED, on_target(_tampered), defect="quarantine tampered with"
    ),
    RedTwin("quarantine_is_whole", _COPIED, on_target(_emptied), defect="quarantine emptied"),
    RedTwin(
        "refused_constraints_are_settled",
        _COPIED,
        _refused,
        defect="constraint that Postgres refuses",
    ),
)
