"""A rule's own SQL, so that only keys of rows leave Postgres."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_deploy.schema.identifiers import quoted, quoted_list

if TYPE_CHECKING:
    from pytest_deploy.providers.postgres.base import Connection
    from pytest_deploy.validation.relations import Relation

_TABLE = "{batch}"
# SQLAlchemy would take such a colon for the beginning of a parameter.
_COLON = re.compile(r"(?<!:):(?=\w)")


def of_keys_alone(sql: str, relation: Relation, connection: Connection) -> str:
    """
    Narrow a statement that finds rows to the keys of its rows.

    Args:
        sql: As the suite has it; `{batch}` stands for the table, doubled braces for braces.
        relation: The table.
        connection: Where its columns are asked for; no row is read.

    Returns:
        A statement for GX, which would write the table's name without quotes.

    Raises:
        psycopg.Error: Postgres does not take the statement.
    """
    whole = sql.replace(_TABLE, relation.sql).replace("{{", "{").replace("}}", "}")
    whole = whole.rstrip("; \t\r\n\v\f")
    # The line's end: the statement may end in a comment.
    found = f"({whole}\n) AS {quoted('found')}"
    # In binary, since then psycopg sends one statement or none: a rule's own must not end ours,
    # and go on with `COMMIT; DELETE ...`.
    asked = connection.execute(f"SELECT * FROM {found} LIMIT 0".encode(), binary=True)
    given = {column.name for column in asked.description or ()}
    keys = tuple(name for name in relation.key if name in given)
    shown = quoted_list(keys) if keys else "1 AS counted"
    narrowed = _COLON.sub(r"\:", f"SELECT {shown} FROM {found}")
    return narrowed.replace("{", "{{").replace("}", "}}")
