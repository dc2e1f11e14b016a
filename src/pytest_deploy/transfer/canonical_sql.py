"""The canonical form of a value as the target makes it, see `canonical`: in SQL."""

from __future__ import annotations

from pytest_deploy.schema.kinds import INSTANTS, Kind

LONG_BYTES = 1_024  # a longer value stands for itself by its SHA-256
_SHORT = frozenset({Kind.NUMERIC, Kind.UUID})
_FIXED_SQL = {
    Kind.BIGINT: "int8send({c})",
    Kind.DOUBLE: "float8send({c})",
    Kind.BOOLEAN: "boolsend({c})",
    Kind.DATE: "date_send({c})",
    Kind.TIMESTAMPTZ: "timestamptz_send({c})",
    **dict.fromkeys(INSTANTS, "timestamptz_send({c})"),
}
_TEXT_SQL = {
    Kind.NUMERIC: "trim_scale({c})::text",
    Kind.TEXT: "{c}",
    Kind.UUID: "{c}::text",
    Kind.JSON: "{c}::text",
}


def part_sql(kind: Kind, column: str, *, required: bool) -> list[str]:
    """
    Give the forms of a column in Postgres, to be strung together over many rows.

    Args:
        kind: The family of its type.
        column: SQL for the column.
        required: Whether NULL cannot be in it.

    Returns:
        SQL expressions of type bytea, which `Canonical.parts` strings together in this order.
    """
    if kind in _FIXED_SQL:
        value = _FIXED_SQL[kind].format(c=column)
        return [value] if required else [f"boolsend({column} IS NOT NULL)", value]
    written = _TEXT_SQL[kind].format(c=column) if kind in _TEXT_SQL else column
    # Our sessions are in UTF-8: see `Server.conninfo`.
    whole = f"textsend({written})" if kind in _TEXT_SQL else written
    length = f"octet_length({written})"
    shortened = f"CASE WHEN {length} > {LONG_BYTES} THEN sha256({whole}) ELSE {whole} END"
    return [f"int4send(coalesce({length}, -1))", whole if kind in _SHORT else shortened]


def cell_sql(kind: Kind, column: str) -> str:
    """
    Give the form of one value in Postgres.

    Args:
        kind: The family of its type.
        column: SQL for the value.

    Returns:
        An SQL expression of type bytea, as `Canonical.cells` gives it; NULL for NULL.
    """
    if kind in _FIXED_SQL:
        return _FIXED_SQL[kind].format(c=column)
    return " || ".join(part_sql(kind, column, required=True))
