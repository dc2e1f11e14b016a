"""Who may do what, as [access] states it: the rights that are granted, and that a gate compares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_deploy.config.problems import meant
from pytest_deploy.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_deploy.config.release import AccessSettings
    from pytest_deploy.schema.plan import PlannedTable, SchemaPlan

API_ROLES = ("anon", "authenticated", "service_role")
OPERATIONS = ("select", "insert", "update", "delete")
_WHERE = "deploy.toml, [access]"


@dataclass(frozen=True)
class Right:
    """
    One right on one relation.

    Args:
        role: Who has it.
        relation: The table or view, by its name in Postgres.
        operation: `select`, `insert`, `update` or `delete`.
        columns: The columns it is limited to; None for all, those to come among them.
    """

    role: str
    relation: str
    operation: str
    columns: tuple[str, ...] | None = None


def stated_rights(plan: SchemaPlan, access: AccessSettings) -> tuple[Right, ...]:
    """
    Say which rights the API's roles have: these, and no others.

    Args:
        plan: The plan in its final schema.
        access: `[access]`.

    Returns:
        One for each role, relation and operation.

    Raises:
        ConfigError: It speaks of a table, view or column that there is none of.
    """
    secret = _hidden(plan, access.hidden)
    return tuple(_rights(plan, access, secret))


def asked_for(plan: SchemaPlan, access: AccessSettings, role: str) -> dict[str, tuple[str, ...]]:
    """
    Say which columns a role can ask for, also of what it may not read.

    Args:
        plan: The plan in its final schema.
        access: `[access]`.
        role: A role of the API.

    Returns:
        The columns by table and view; none where it is not limited to some.
    """
    limited = {
        one.relation: one.columns or ()
        for one in stated_rights(plan, access)
        if (one.role, one.operation) == (role, "select")
    }
    names = (*(table.name for table in plan.tables), *(view.name for view in plan.views))
    return {name: limited.get(name, ()) for name in names}


def _rights(
    plan: SchemaPlan, access: AccessSettings, secret: dict[str, set[str]]
) -> Iterator[Right]:
    tables = {table.name: table for table in plan.tables}
    for name in dict.fromkeys(_named(plan, one, "anon") for one in access.anon):
        yield Right("anon", name, "select", _open(tables.get(name), secret))
    for one, operations in access.authenticated.items():
        name = _named(plan, one, "authenticated")
        for operation in OPERATIONS:
            if operation in operations:
                columns = None if operation == "delete" else _open(tables.get(name), secret)
                yield Right("authenticated", name, operation, columns)
    for table in plan.tables:
        yield Right("service_role", table.name, "select", _open(table, secret))
        for operation in OPERATIONS[1:]:
            yield Right("service_role", table.name, operation)
    for view in plan.views:
        yield Right("service_role", view.name, "select")


def columns_of(table: PlannedTable) -> tuple[str, ...]:
    """
    Name all columns that a table has in Postgres.

    Args:
        table: The table.

    Returns:
        Those of the source, then those for full-text search.
    """
    return (*(c.name for c in table.columns), *(one.name for one in table.searches))


def _open(table: PlannedTable | None, secret: dict[str, set[str]]) -> tuple[str, ...] | None:
    if table is None or table.name not in secret:
        return None
    return tuple(name for name in columns_of(table) if name not in secret[table.name])


def _named(plan: SchemaPlan, name: str, key: str) -> str:
    known = {table.source.name: table.name for table in plan.tables}
    known |= {view.source.name: view.name for view in plan.views}
    known |= {one: one for one in known.values()}
    if name not in known:
        raise _unknown(name, "a table or view", key, meant(name, known))
    return known[name]


def _hidden(plan: SchemaPlan, hidden: tuple[str, ...]) -> dict[str, set[str]]:
    known = {
        f"{table.source.name}.{column.source.name}": (table.name, column.name)
        for table in plan.tables
        for column in table.columns
    }
    found: dict[str, set[str]] = {}
    for one in hidden:
        if one not in known:
            raise _unknown(one, "a column", "hidden", meant(one, known))
        table, column = known[one]
        found.setdefault(table, set()).add(column)
    return found


def _unknown(name: str, what: str, key: str, hint: str) -> ConfigError:
    return ConfigError(
        f"access to {name!r}",
        problem=f"expected {what} of the app, there is none of that name{hint}",
        where=f"{_WHERE} {key}",
        remedy="correct the name, or leave it out; see runbooks/access.md",
    )
