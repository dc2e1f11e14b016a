"""Sets the columns aside that SQLite itself cannot compute without the application."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_deploy.findings import Finding, Severity
from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.schema.tokens import tokens

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_deploy.schema.model import Column, Table


def readable(connection: sqlite3.Connection, table: Table) -> Table:
    """
    Set aside the virtual columns whose formula calls a function that only the application has.

    Args:
        connection: A connection to the snapshot.
        table: A table as it is declared.

    Returns:
        The table without them, and without the keys that cannot be without them.
    """
    virtual = [column for column in table.columns if column.generated == "virtual"]
    lost = [column for column in virtual if not _compiles(connection, table, column)]
    grew = bool(lost)
    while grew:  # what is made of one that is lost is lost too
        names = {column.name.lower() for column in lost}
        more = [c for c in virtual if c not in lost and names & _words(c.formula or "")]
        lost, grew = lost + more, bool(more)
    return _without(table, lost) if lost else table


def _compiles(connection: sqlite3.Connection, table: Table, column: Column) -> bool:
    try:
        connection.execute(f"SELECT ({column.formula}) FROM main.{quoted(table.name)} LIMIT 0")
    except sqlite3.OperationalError:
        return False
    return True


def _words(sql: str) -> set[str]:
    return {token.name.lower() for token in tokens(sql)}


def _without(table: Table, lost: list[Column]) -> Table:
    names = {column.name.lower() for column in lost}
    return replace(
        table,
        columns=tuple(column for column in table.columns if column not in lost),
        unreadable=tuple(column for column in table.columns if column in lost),
        indexes=tuple(
            i for i in table.indexes if not i.constraint or names.isdisjoint(_lower(i.columns))
        ),
        foreign_keys=tuple(k for k in table.foreign_keys if names.isdisjoint(_lower(k.columns))),
    )


def _lower(names: Iterable[str]) -> set[str]:
    return {name.lower() for name in names}


def on_unreadable(table: Table) -> list[Finding]:
    """
    Say which columns are not made.

    Args:
        table: A table.

    Returns:
        A risk for each column that was set aside.
    """
    message = (
        "its formula calls what only the application has, and its values are stored nowhere: the"
        " column is not made, nor a key on it; make an ordinary or STORED column of it"
    )
    return [
        Finding("column_not_readable", Severity.RISK, f"{table.name}.{column.name}", message)
        for column in table.unreadable
    ]
