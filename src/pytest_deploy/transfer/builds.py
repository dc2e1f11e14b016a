"""Carries out statements on several connections at once, in an order that Postgres takes."""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from pytest_deploy.schema.identifiers import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pytest_deploy.providers.postgres.base import Connection, Target
    from pytest_deploy.schema.ddl import Statement

    Attempt = Callable[[Connection, Statement, str], bool]
    Lane = list[tuple[Statement, str]]

KEYS = ("primary key", "unique")
_ADD = " ADD CONSTRAINT "


def build(
    target: Target, statements: Sequence[Statement], attempt: Attempt, *, workers: int
) -> None:
    """
    Build keys and indexes, then checks, then foreign keys, each kind side by side.

    A key is built as an index, beside the other indexes of its table, and made a key afterwards.
    A foreign key is added without a look at the rows, one after the other because that locks both
    tables; then the rows are validated, which locks nobody out.

    Args:
        target: The database.
        statements: What is to stand on the tables.
        attempt: Tries SQL for a statement, each in a transaction of its own; says whether it went.
        workers: Connections.
    """
    by_kind: dict[str, list[Statement]] = defaultdict(list)
    for statement in statements:
        by_kind["key" if statement.kind in KEYS else statement.kind].append(statement)
    added: list[Statement] = []

    def add(connection: Connection, statement: Statement, sql: str) -> bool:
        if attempt(connection, statement, sql):
            added.append(statement)
        return True

    keys = [[(s, index_of(s))] for s in by_kind["key"]]
    indexes = [[(s, s.sql)] for s in by_kind["index"]]
    _side_by_side(target, keys + indexes, add, workers)
    built = [(s, attachment(s)) for s in added if s.kind in KEYS]
    _side_by_side(target, _by_table(built), attempt, workers)
    added.clear()
    _side_by_side(target, _by_table((s, s.sql) for s in by_kind["check"]), attempt, workers)
    _side_by_side(target, [[(s, without_look(s)) for s in by_kind["foreign key"]]], add, 1)
    to_validate = [(s, validation(s)) for s in added if without_look(s) != s.sql]
    _side_by_side(target, _by_table(to_validate), attempt, workers)


def index_of(statement: Statement) -> str:
    """
    Write the index of a key, which locks out nobody who builds another one.

    Args:
        statement: A primary key or a unique constraint.

    Returns:
        SQL; the index has the name of the key.

    Source: https://www.postgresql.org/docs/current/sql-altertable.html (USING INDEX)
    """
    table = altered(statement).removeprefix("ALTER TABLE ")
    columns = _definition(statement).partition(f"{statement.kind.upper()} ")[2]
    return f"CREATE UNIQUE INDEX {quoted(statement.object)} ON {table} {columns}"


def attachment(statement: Statement) -> str:
    """
    Write how the index of a key becomes the key.

    Args:
        statement: A primary key or a unique constraint.

    Returns:
        SQL.
    """
    name = quoted(statement.object)
    return f"{altered(statement)}{_ADD}{name} {statement.kind.upper()} USING INDEX {name}"


def _definition(statement: Statement) -> str:
    return statement.sql.removeprefix(f"{altered(statement)}{_ADD}{quoted(statement.object)} ")


def without_look(statement: Statement) -> str:
    """
    Write a foreign key so that Postgres does not look at the rows yet.

    Args:
        statement: A foreign key.

    Returns:
        SQL; the same where the plan itself asks for no look.
    """
    ending = " NOT VALID"
    return statement.sql if statement.sql.endswith(ending) else statement.sql + ending


def validation(statement: Statement) -> str:
    """
    Write the look at the rows.

    Args:
        statement: A foreign key that was added without it.

    Returns:
        SQL.
    """
    return f"{altered(statement)} VALIDATE CONSTRAINT {quoted(statement.object)}"


def altered(statement: Statement) -> str:
    """
    Give the beginning of a statement that alters a table.

    Args:
        statement: A constraint.

    Returns:
        `ALTER TABLE` and the table, as in the statement itself.
    """
    return statement.sql.partition(_ADD)[0]


def _by_table(todo: Iterable[tuple[Statement, str]]) -> list[Lane]:
    """Put what locks the same table behind one another."""
    lanes: dict[str, Lane] = defaultdict(list)
    for statement, sql in todo:
        lanes[statement.table].append((statement, sql))
    return list(lanes.values())


def _side_by_side(target: Target, lanes: list[Lane], attempt: Attempt, workers: int) -> None:
    connections: list[Connection] = []

    def follow(lane: Lane) -> None:
        with target.connect(autocommit=True) as connection:
            connections.append(connection)
            if len(lanes) >= workers:
                # One index each keeps everybody busy: to share one out costs more than it brings.
                connection.execute("SET max_parallel_maintenance_workers = 0")
            for statement, sql in lane:
                attempt(connection, statement, sql)

    with ThreadPoolExecutor(workers) as pool:
        try:
            list(pool.map(follow, lanes))
        except BaseException:
            # Nobody waits for an index that will not be kept.
            pool.shutdown(wait=False, cancel_futures=True)
            for connection in connections:
                connection.cancel()
            raise
