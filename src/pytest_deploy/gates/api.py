"""Does the API show what is stated, and to nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.gates.verdict import Check, CheckState, Verdict
from pytest_deploy.providers.supabase.http import http_client
from pytest_deploy.providers.supabase.rest import ask
from pytest_deploy.schema.access import columns_of, stated_rights

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from pytest_deploy.config.release import AccessSettings
    from pytest_deploy.providers.supabase.base import Supabase
    from pytest_deploy.schema.plan import SchemaPlan

_OK = 200
_REMEDY = "see runbooks/access.md"


def api_shows_what_is_stated(
    project: Supabase, plan: SchemaPlan, access: AccessSettings
) -> Verdict:
    """
    Ask REST for every table and view as anon and with the secret key, column by column if hidden.

    Args:
        project: The project.
        plan: The plan in its final schema.
        access: `[access]`.

    Returns:
        One check for each role and relation, and for each hidden column.
    """
    with http_client() as client:
        checks = tuple(_checks(client, project, plan, access))
    failed = [check for check in checks if check.state is not CheckState.HOLDS]
    return Verdict(
        examined=len(checks),
        unit="questions",
        problems=tuple(f"{check.name}; seen {check.seen}" for check in failed),
        checks=checks,
        remedy=_REMEDY,
    )


def _checks(
    client: httpx.Client, project: Supabase, plan: SchemaPlan, access: AccessSettings
) -> Iterator[Check]:
    stated = stated_rights(plan, access)
    rights = {(one.role, one.relation): one for one in stated if one.operation == "select"}
    columns = {table.name: columns_of(table) for table in plan.tables}
    keys = {"anon": project.publishable_key, "service_role": project.secret_key}
    for role, key in keys.items():
        for name in (*columns, *(view.name for view in plan.views)):
            right = rights.get((role, name))
            limited = right.columns if right is not None else None
            selected = ",".join(map(_quoted, limited)) if limited else "*"
            answer = ask(client, project, key, name, selected)
            yield _check(f"{role} reads {name}", answer.status, open_=right is not None)
            for hidden in _left_out(columns.get(name, ()), limited):
                answer = ask(client, project, key, name, _quoted(hidden))
                yield _check(f"{role} reads {name}.{hidden}", answer.status, open_=False)


def _left_out(columns: tuple[str, ...], limited: tuple[str, ...] | None) -> tuple[str, ...]:
    return tuple(one for one in columns if limited is not None and one not in limited)


def _quoted(column: str) -> str:
    escaped = column.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _check(name: str, status: int, *, open_: bool) -> Check:
    refused = status in (401, 403)
    holds = status == _OK if open_ else refused
    said = name if open_ else name.replace(" reads ", " does not read ")
    return Check(said, CheckState.HOLDS if holds else CheckState.FAILS, f"status {status}")
