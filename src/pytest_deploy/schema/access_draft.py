"""A first [access] and a first file of policies: everything closed, and what could be opened."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_deploy.schema.ddl import relation
from pytest_deploy.schema.identifiers import quoted

if TYPE_CHECKING:
    from pytest_deploy.config.users import UsersSettings
    from pytest_deploy.schema.plan import PlannedTable, SchemaPlan

_SECRET = re.compile(r"passw|contrase|clave|hash|secret|token|salt|api_?key|\bpin\b", re.IGNORECASE)
_HEADER = """\
-- Who sees which rows: nobody sees any, until a policy here says so and [access] grants the table.
-- Drafted by: python -m pytest_deploy access draft
-- Each proposal is a comment: take the two dashes away from those that you mean, and read them.
"""


def policies_text(plan: SchemaPlan, users: UsersSettings | None) -> str:
    """
    Draft the file of policies.

    Args:
        plan: The plan in its final schema.
        users: `[users]`; None where nobody signs in.

    Returns:
        SQL that makes nothing yet.
    """
    return "\n".join((_HEADER, *(_of_table(plan, table, users) for table in plan.tables)))


def hidden_columns(plan: SchemaPlan) -> tuple[str, ...]:
    """
    Name the columns that no role of the API should read, by what they are called.

    Args:
        plan: The plan.

    Returns:
        As `[access] hidden` takes them.
    """
    return tuple(
        f"{table.source.name}.{column.source.name}"
        for table in plan.tables
        for column in table.columns
        if _SECRET.search(column.source.name)
    )


def _of_table(plan: SchemaPlan, table: PlannedTable, users: UsersSettings | None) -> str:
    name = relation(plan, table.name)
    lines = [f"-- {name}: closed."]
    if proposed := _proposal(plan, table, users):
        what, using = proposed
        lines.append(f"-- {what}:")
        lines.append(f"-- CREATE POLICY own ON {name} FOR SELECT TO authenticated USING ({using});")
    lines.append("-- Everybody sees all of it:")
    lines.append(
        f"-- CREATE POLICY everybody ON {name} FOR SELECT TO anon, authenticated USING (true);"
    )
    return "\n".join(lines) + "\n"


def _proposal(
    plan: SchemaPlan, table: PlannedTable, users: UsersSettings | None
) -> tuple[str, str] | None:
    """Say how rows may be somebody's own: what that means, and the condition."""
    if users is None:
        return None
    account = quoted(users.account)
    if table.source.name == users.table:
        return "Members see themselves", f"{account} = (SELECT auth.uid())"
    theirs = {one.name: one for one in plan.tables if one.source.name == users.table}
    for key in table.foreign_keys:
        if key.parent in theirs and len(key.columns) == 1:
            parent = relation(plan, key.parent)
            (column,), (of,) = key.columns, key.parent_columns
            mine = f"SELECT {quoted(of)} FROM {parent} WHERE {account} = (SELECT auth.uid())"
            return f"Members see rows whose {column} is theirs", f"{quoted(column)} IN ({mine})"
    return None
