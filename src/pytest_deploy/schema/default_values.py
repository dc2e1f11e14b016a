"""What SQLite itself stores where a column's default is taken."""

from __future__ import annotations

import sqlite3
from enum import Enum
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from pytest_deploy.schema.kinds import RawValue
    from pytest_deploy.schema.model import Column


class _Nothing(Enum):
    NOTHING = "SQLite cannot compute it here"


Nothing: TypeAlias = Literal[_Nothing.NOTHING]
NOTHING: Final = _Nothing.NOTHING


def stored_default(column: Column) -> RawValue | Nothing:
    """
    Let SQLite compute a default as it would for a new row, affinity included.

    Args:
        column: A column with or without a default.

    Returns:
        The value; of what is computed anew for every row one of many. NOTHING where it calls what
        only the application has.
    """
    default = column.default or "NULL"
    connection = sqlite3.connect(":memory:")
    try:
        for written in (default, f"({default})"):
            try:
                connection.execute(f"CREATE TABLE d (x, c {column.declared} DEFAULT {written})")
                connection.execute("INSERT INTO d (x) VALUES (1)")
            except sqlite3.Error:
                connection.execute("DROP TABLE IF EXISTS d")
                continue
            value: RawValue = connection.execute("SELECT c FROM d").fetchone()[0]
            return value
    finally:
        connection.close()
    return NOTHING
