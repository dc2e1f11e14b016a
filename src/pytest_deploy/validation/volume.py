"""How many rows tables have, beside those of the source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.schema.sqlite import read_schema
from pytest_deploy.transfer.snapshot import take
from pytest_deploy.validation.relations import reading, relation_of, relations_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pytest_deploy.providers.postgres.base import Connection
    from pytest_deploy.validation.running import Place
    from pytest_deploy.validation.suites import Suite


@dataclass(frozen=True)
class Counted:
    """
    The rows of one table.

    Args:
        suite: Its suite, which names the bounds.
        rows: In Postgres; None where they could not be counted.
        source: In the source; None where it is not known.
    """

    suite: Suite
    rows: int | None
    source: int | None


def count_volumes(
    suites: Sequence[Suite], place: Place, source: Mapping[str, int]
) -> tuple[Counted, ...]:
    """
    Count the tables whose suites name bounds.

    Args:
        suites: From `suites_of`.
        place: Where.
        source: Rows in the source, by table.

    Returns:
        One for each of those suites.

    Raises:
        TargetError: The server is unreachable or refuses us.
    """
    bounded = [suite for suite in suites if suite.volume]
    if not bounded:
        return ()
    known = {name.lower(): rows for name, rows in source.items()}
    with reading(place.target, place.schema) as connection:
        relations = relations_of(connection, place.schema)
        counted = []
        for suite in bounded:
            relation = relation_of(suite.table, relations)
            rows = _rows(connection, relation.sql) if relation else None
            counted.append(Counted(suite, rows, known.get(suite.table.lower())))
    return tuple(counted)


def _rows(connection: Connection, relation: str) -> int | None:
    import psycopg

    try:
        row = connection.execute(f"SELECT count(*) FROM {relation}".encode()).fetchone()
    except psycopg.Error:  # it may not be read; which rules cannot be checked then is told of each
        connection.rollback()
        return None
    return row[0] if row else None


def rows_of_source(database: Path, folder: Path) -> Mapping[str, int]:
    """
    Count the rows of every table of a SQLite database, in a copy.

    Args:
        database: The database.
        folder: Where the copy may be made.

    Returns:
        By table; nothing where the database is not there.

    Raises:
        SourceError: It is there and cannot be read.
    """
    if not database.is_file():
        return {}
    connection = take(database, folder, uploads=None).connect()
    try:
        return {
            table.name: connection.execute(
                f"SELECT count(*) FROM main.{quoted(table.name)}"
            ).fetchone()[0]
            for table in read_schema(connection).tables
        }
    finally:
        connection.close()
