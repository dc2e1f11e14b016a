"""What stands in Postgres: the tables that suites may speak of, their columns and keys."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_deploy.schema.identifiers import fitted, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_deploy.providers.postgres.base import Connection, Target

# Not pg_index's order: the key's columns as they were declared.
_RELATIONS = """
SELECT c.relname,
    array_agg(a.attname::text ORDER BY a.attnum),
    coalesce((
        SELECT array_agg(k.attname::text ORDER BY u.place)
        FROM pg_catalog.pg_index i
        CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS u(number, place)
        JOIN pg_catalog.pg_attribute k ON k.attrelid = c.oid AND k.attnum = u.number
        WHERE i.indrelid = c.oid AND i.indisprimary
    ), '{}')
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = %s)
    AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
GROUP BY c.oid, c.relname
"""


@dataclass(frozen=True)
class Relation:
    """
    One table or view.

    Args:
        schema: The schema it stands in.
        name: Its name.
        columns: In their order.
        key: The columns of its primary key; empty where there is none.
    """

    schema: str
    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]

    @property
    def sql(self) -> str:
        """Its whole name, quoted."""
        return f"{quoted(self.schema)}.{quoted(self.name)}"


@contextmanager
def reading(target: Target, schema: str) -> Iterator[Connection]:
    """
    Connect for reading: nothing can be written, not even by a rule's own SQL.

    Args:
        target: The database.
        schema: Where names without a schema are looked up.

    Yields:
        The connection; it is closed at the end.

    Raises:
        TargetError: The server is unreachable or refuses us.
    """
    connection = open_reading(target, schema)
    try:
        yield connection
    finally:
        connection.close()


def open_reading(target: Target, schema: str) -> Connection:
    """
    Connect for reading, as `reading` does, and leave closing to the caller.

    Args:
        target: The database.
        schema: Where names without a schema are looked up.

    Returns:
        The connection.

    Raises:
        TargetError: The server is unreachable or refuses us.
    """
    connection = target.connect()
    connection.read_only = True
    connection.execute("SET default_transaction_read_only = on")
    connection.execute(f"SET search_path TO {quoted(schema)}".encode())
    connection.commit()
    return connection


def relations_of(connection: Connection, schema: str) -> Mapping[str, Relation]:
    """
    List the tables and views of a schema.

    Args:
        connection: To the database.
        schema: The schema.

    Returns:
        By name.
    """
    found = connection.execute(_RELATIONS, (schema,)).fetchall()
    return {
        name: Relation(schema, name, tuple(columns), tuple(key)) for name, columns, key in found
    }


def relation_of(table: str, relations: Mapping[str, Relation]) -> Relation | None:
    """
    Look a suite's table up.

    Args:
        table: By its name in the source, or in Postgres where that is shorter.
        relations: From `relations_of`.

    Returns:
        The relation; None where there is none of that name.
    """
    return relations.get(table) or relations.get(fitted(table))
