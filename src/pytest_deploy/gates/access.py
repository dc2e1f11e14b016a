"""Who may do what, as a matrix: every role, table by table, operation by operation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_deploy.gates.verdict import Check, CheckState, Verdict
from pytest_deploy.schema.access import OPERATIONS, stated_rights
from pytest_deploy.schema.ddl import relation

if TYPE_CHECKING:
    import psycopg

    from pytest_deploy.config.release import AccessSettings
    from pytest_deploy.providers.supabase.base import Supabase
    from pytest_deploy.schema.plan import SchemaPlan

_ROLES = ("anon", "authenticated")
_REMEDY = "see runbooks/access.md"


@dataclass(frozen=True)
class RightSeen:
    """
    One field of the matrix.

    Args:
        role: Who.
        relation: On which table or view.
        operation: `select`, `insert`, `update` or `delete`.
        stated: Whether [access] states it.
        seen: Whether it is so on the project.
    """

    role: str
    relation: str
    operation: str
    stated: bool
    seen: bool


def rights_on(project: Supabase, plan: SchemaPlan, access: AccessSettings) -> tuple[RightSeen, ...]:
    """
    Ask the project for the whole matrix.

    Args:
        project: The project.
        plan: The plan in its final schema.
        access: `[access]`.

    Returns:
        One for each role, relation and operation.
    """
    stated = {(one.role, one.relation, one.operation) for one in stated_rights(plan, access)}
    names = [*(table.name for table in plan.tables), *(view.name for view in plan.views)]
    with project.database.connect() as connection:
        return tuple(
            RightSeen(
                role=role,
                relation=name,
                operation=operation,
                stated=(role, name, operation) in stated,
                seen=_may(connection, role, relation(plan, name), operation),
            )
            for role in _ROLES
            for name in names
            for operation in OPERATIONS
        )


def access_is_as_stated(rights: tuple[RightSeen, ...]) -> Verdict:
    """
    Judge the matrix.

    Args:
        rights: What `rights_on` saw.

    Returns:
        One check for each field.
    """
    return Verdict(
        examined=len(rights),
        unit="rights",
        problems=tuple(
            f"{_told(one)}; seen: {_seen(one)}" for one in rights if one.stated != one.seen
        ),
        checks=tuple(
            Check(
                _told(one),
                CheckState.HOLDS if one.stated == one.seen else CheckState.FAILS,
                _seen(one),
            )
            for one in rights
        ),
        remedy=_REMEDY,
    )


def _told(one: RightSeen) -> str:
    return f"{one.role} {'may' if one.stated else 'may not'} {one.operation} {one.relation}"


def _seen(one: RightSeen) -> str:
    return "it may" if one.seen else "it may not"


def _may(connection: psycopg.Connection, role: str, name: str, operation: str) -> bool:
    asked = "has_table_privilege" if operation == "delete" else "has_any_column_privilege"
    row = connection.execute(f"SELECT {asked}(%s, %s, %s)".encode(), (role, name, operation))
    found = row.fetchone()
    return bool(found and found[0])
