"""Defects of keys, indexes, checks, defaults and references, planted once they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.schema.ddl import relation
from pytest_deploy.schema.identifiers import literal, quoted
from pytest_deploy.schema.kinds import Kind
from pytest_deploy.transfer.sequences import sequence_of
from pytest_deploy.twins.places import leaves_first
from pytest_deploy.twins.statements import on_target
from pytest_deploy.twins.twin import NotApplicable, RedTwin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import psycopg

    from pytest_deploy.schema.plan import (
        PlannedCheck,
        PlannedForeignKey,
        PlannedKey,
        PlannedTable,
        SchemaPlan,
    )
    from pytest_deploy.transfer.planning import Prepared
    from pytest_deploy.twins.statements import OnTarget

    Named = PlannedCheck | PlannedForeignKey | PlannedKey
    OfTable = Callable[[PlannedTable], Sequence[Named]]

_ADDED = "constraints_added"
_COMPLETE = "schema_is_complete"
_WRITES = ("writes_behave_alike",)
_STANDS = """
SELECT 1 FROM pg_constraint WHERE conname = %s AND conrelid = to_regclass(%s)
"""
_OTHER_DEFAULTS = {Kind.BOOLEAN: ("true", "false"), Kind.TEXT: ("'x'", "'y'")}
_SHIFT = 50


def _standing(
    connection: psycopg.Connection, plan: SchemaPlan, of_table: OfTable, what: str
) -> tuple[PlannedTable, Named]:
    """Find a constraint that Postgres has: one that was refused can go missing no more."""
    for table in leaves_first(plan):
        for constraint in of_table(table):
            name = relation(plan, table.name)
            if connection.execute(_STANDS, (constraint.name, name)).fetchone() is not None:
                return table, constraint
    raise NotApplicable(f"the source has no {what}")


def _missing(of_table: OfTable, what: str) -> OnTarget:
    def change(connection: psycopg.Connection, prepared: Prepared) -> None:
        table, constraint = _standing(connection, prepared.plan, of_table, what)
        _drop(connection, prepared.plan, table, constraint.name)

    return change


def _drop(connection: psycopg.Connection, plan: SchemaPlan, table: PlannedTable, name: str) -> None:
    on = relation(plan, table.name)
    connection.execute(f"ALTER TABLE {on} DROP CONSTRAINT {quoted(name)} CASCADE")


def _not_valid(connection: psycopg.Connection, prepared: Prepared) -> None:
    plan = prepared.plan
    table, key = _standing(connection, plan, lambda t: t.foreign_keys, "foreign key")
    _make_again(
        connection, plan, table, key.name, f"{_definition(connection, plan, table, key)} NOT VALID"
    )


def _other_actions(connection: psycopg.Connection, prepared: Prepared) -> None:
    """Let a foreign key delete what it should keep, or keep what it should delete."""
    plan = prepared.plan
    table, key = _standing(connection, plan, lambda t: t.foreign_keys, "foreign key")
    written = _definition(connection, plan, table, key)
    cascades = "ON DELETE CASCADE" in written
    action = "" if cascades else "ON DELETE CASCADE"
    _make_again(connection, plan, table, key.name, f"{written.partition(' ON ')[0]} {action}")


def _definition(
    connection: psycopg.Connection, plan: SchemaPlan, table: PlannedTable, key: Named
) -> str:
    row = connection.execute(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conname = %s AND conrelid = to_regclass(%s)",
        (key.name, relation(plan, table.name)),
    ).fetchone()
    return str(row[0] if row else "").removesuffix(" NOT VALID")


def _make_again(
    connection: psycopg.Connection, plan: SchemaPlan, table: PlannedTable, name: str, written: str
) -> None:
    _drop(connection, plan, table, name)
    on = relation(plan, table.name)
    connection.execute(f"ALTER TABLE {on} ADD CONSTRAINT {quoted(name)} {written}")


def _index_missing(connection: psycopg.Connection, prepared: Prepared) -> None:
    for name, _ in _indexes(prepared.plan):
        if connection.execute("SELECT to_regclass(%s)", (name,)).fetchone() != (None,):
            connection.execute(f"DROP INDEX {name}")
            return
    raise NotApplicable("the source has no index")


def _index_elsewhere(connection: psycopg.Connection, prepared: Prepared) -> None:
    """Make an index of the same name on another column."""
    for name, table in _indexes(prepared.plan):
        short = name.rpartition(".")[2]
        others = [
            c for c in table.columns if c.type.kind in (Kind.BIGINT, Kind.DOUBLE, Kind.BOOLEAN)
        ]
        index = next(one for one in table.indexes if relation(prepared.plan, one.name) == name)
        free = [c for c in others if [c.name] != [term.column for term in index.terms]]
        there = connection.execute("SELECT to_regclass(%s)", (name,)).fetchone() != (None,)
        if there and free:
            connection.execute(f"DROP INDEX {name}")
            on = f"{relation(prepared.plan, table.name)} ({quoted(free[0].name)})"
            connection.execute(f"CREATE INDEX {short} ON {on}")
            return
    raise NotApplicable("the source has no index beside another column")


def _indexes(plan: SchemaPlan) -> Iterator[tuple[str, PlannedTable]]:
    for table in plan.tables:
        for index in table.indexes:
            yield relation(plan, index.name), table


def _nullable(connection: psycopg.Connection, prepared: Prepared) -> None:
    for table in prepared.plan.tables:
        key = table.primary_key.columns if table.primary_key else ()
        for column in table.written:
            if column.not_null and not column.identity and column.name not in key:
                _alter(connection, prepared, table, column.name, "DROP NOT NULL")
                return
    raise NotApplicable("the source has no NOT NULL outside of keys")


def _no_default(connection: psycopg.Connection, prepared: Prepared) -> None:
    for table in prepared.plan.tables:
        for column in table.written:
            if column.default is not None and not column.identity:
                _alter(connection, prepared, table, column.name, "DROP DEFAULT")
                return
    raise NotApplicable("the source has no default")


def _other_default(connection: psycopg.Connection, prepared: Prepared) -> None:
    found = [
        (table, column, next(d for d in _OTHER_DEFAULTS[column.type.kind] if d != column.default))
        for table in prepared.plan.tables
        for column in table.written
        if column.type.kind in _OTHER_DEFAULTS
        and column.default is not None
        # Where a check names the column, the other default would be refused, not taken.
        and not any(quoted(column.name) in check.expression for check in table.checks)
    ]
    if not found:
        raise NotApplicable("the source has no default of a boolean or a text")
    table, column, default = found[0]
    _alter(connection, prepared, table, column.name, f"SET DEFAULT {default}")


def _alter(
    connection: psycopg.Connection,
    prepared: Prepared,
    table: PlannedTable,
    column: str,
    change: str,
) -> None:
    name = relation(prepared.plan, table.name)
    connection.execute(f"ALTER TABLE {name} ALTER COLUMN {quoted(column)} {change}")


def _orphan(connection: psycopg.Connection, prepared: Prepared) -> None:
    """Delete a row that another one refers to, once no foreign key is left to see it."""
    plan = prepared.plan
    for table in plan.tables:
        for key in table.foreign_keys:
            pairs = zip(key.columns, key.parent_columns, strict=True)
            same = " AND ".join(f"c.{quoted(here)} = p.{quoted(above)}" for here, above in pairs)
            parent = relation(plan, key.parent)
            other = " AND c.ctid <> p.ctid" if key.parent == table.name else ""
            row = connection.execute(
                f"SELECT p.ctid::text FROM {parent} AS p"
                f" JOIN {relation(plan, table.name)} AS c ON {same}{other} LIMIT 1"
            ).fetchone()
            if not key.validated or row is None:
                continue
            _drop_references(connection, plan, key.parent)
            connection.execute(f"DELETE FROM {parent} WHERE ctid = %s::tid", row)
            return
    raise NotApplicable("no row of the source refers to another one")


def _drop_references(connection: psycopg.Connection, plan: SchemaPlan, parent: str) -> None:
    for table in plan.tables:
        for key in table.foreign_keys:
            if key.parent == parent:
                _drop(connection, plan, table, key.name)


def _counts_from(expression: str) -> OnTarget:
    """Let the sequence of a table that has rows go on elsewhere."""

    def change(connection: psycopg.Connection, prepared: Prepared) -> None:
        for table in prepared.plan.tables:
            if table.identity is None:
                continue
            name, key = relation(prepared.plan, table.name), quoted(table.identity.name)
            last = f"(SELECT max({key}) FROM {name})"
            if connection.execute(f"SELECT 1 WHERE {last} BETWEEN 1 AND 2 ^ 62").fetchone():
                sequence = literal(sequence_of(connection, prepared.plan, table))
                connection.execute(f"SELECT setval({sequence}, {expression.format(last)})")
                return
        raise NotApplicable("the source has no table that assigns keys and has rows")

    return change


def _twin(defect: str, change: OnTarget, also: tuple[str, ...] = ()) -> RedTwin:
    return RedTwin(_COMPLETE, _ADDED, on_target(change), defect=defect, also=also)


CONSTRAINTS = (
    _twin("check missing", _missing(lambda table: table.checks, "check")),
    _twin("unique key missing", _missing(lambda table: table.uniques, "unique key"), _WRITES),
    _twin(
        "foreign key missing", _missing(lambda table: table.foreign_keys, "foreign key"), _WRITES
    ),
    _twin("foreign key NOT VALID", _not_valid),
    _twin("foreign key with other actions", _other_actions),
    _twin("index missing", _index_missing),
    _twin("index on another column", _index_elsewhere),
    _twin("NOT NULL missing", _nullable),
    _twin("default missing", _no_default),
    _twin("default changed", _other_default, _WRITES),
    RedTwin("references_hold", _ADDED, on_target(_orphan), defect="row that others refer to lost"),
    RedTwin(
        "next_inserts_work",
        "sequences_set",
        on_target(_counts_from("1, false")),
        defect="sequence not advanced",
    ),
    RedTwin(
        "next_inserts_work",
        "sequences_set",
        on_target(_counts_from(f"{{}} + {_SHIFT}")),
        defect="sequence too far ahead",
    ),
)
