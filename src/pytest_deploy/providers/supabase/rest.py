"""Asks the REST interface of a project what it shows, and to whom."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from pytest_deploy.errors import TargetError
from pytest_deploy.providers.supabase.http import http_client

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx

    from pytest_deploy.providers.supabase.base import Supabase
    from pytest_deploy.secrets import Secret

_TIMEOUT_S = 10.0
_RELOAD_TIMEOUT_S = 10.0
_POLL_S = 0.05
_UNKNOWN = "PGRST205"  # not in the schema cache


@dataclass(frozen=True)
class Answer:
    """
    What REST said to one question.

    Args:
        status: The HTTP status.
        rows: How many rows it gave; 0 where it refused.
    """

    status: int
    rows: int = 0


def ask(
    client: httpx.Client,
    project: Supabase,
    key: Secret,
    relation: str,
    columns: str,
    token: Secret | None = None,
) -> Answer:
    """
    Ask for one row.

    Args:
        client: Reused, so that many questions take one connection.
        project: The project.
        key: As whom.
        relation: A table or view of the exposed schema.
        columns: What is selected, as PostgREST takes it.
        token: Of a user who is signed in; None for whom the key stands for.

    Returns:
        Status and rows; their values are not kept.

    Raises:
        TargetError: REST is unreachable.

    Source: https://docs.postgrest.org/en/stable/references/api/tables_views.html
    """
    asked = {"select": columns, "limit": "1"}
    answer = _get(client, project, f"/rest/v1/{_quoted(relation)}", key, asked, token)
    rows = answer.json() if answer.is_success else []
    return Answer(answer.status_code, len(rows))


def await_tables(project: Supabase, tables: Sequence[str]) -> None:
    """
    Let REST look at the schema anew, and wait until it knows every table.

    Args:
        project: The project.
        tables: Names of tables in the exposed schema.

    Raises:
        TargetError: It is unreachable, or does not know them in time.
    """
    deadline = time.monotonic() + _RELOAD_TIMEOUT_S
    with http_client() as client:
        _reload(client, project)
        for table in tables:
            while _is_unknown(client, project, table):
                if time.monotonic() > deadline:
                    raise _unreachable(project, f"no table {table!r} after its reload")
                time.sleep(_POLL_S)


def _reload(client: httpx.Client, project: Supabase) -> None:
    """
    Refresh the cache of the schema.

    Hosted projects listen to NOTIFY; the local one takes no notice, and looks when it is asked to.
    """
    with project.database.connect(autocommit=True) as connection:
        connection.execute("NOTIFY pgrst, 'reload schema'")
    _get(client, project, "/_system/introspect")


def _is_unknown(client: httpx.Client, project: Supabase, table: str) -> bool:
    path = f"/rest/v1/{_quoted(table)}?limit=0"
    return _UNKNOWN in _get(client, project, path, project.secret_key).text


def _get(
    client: httpx.Client,
    project: Supabase,
    path: str,
    key: Secret | None = None,
    params: dict[str, str] | None = None,
    token: Secret | None = None,
) -> httpx.Response:
    import httpx

    headers = {"apikey": key.reveal()} if key is not None else {}
    if token is not None:
        headers["Authorization"] = f"Bearer {token.reveal()}"
    url = httpx.URL(project.url + path)
    if params:
        url = url.copy_merge_params(params)
    try:
        return client.get(url, headers=headers, timeout=_TIMEOUT_S)
    except httpx.TransportError as error:
        raise _unreachable(project, type(error).__name__) from None


def _quoted(name: str) -> str:
    return quote(name, safe="")


def _unreachable(project: Supabase, seen: str) -> TargetError:
    return TargetError(
        f"REST at {project.url}",
        problem=f"expected an answer that knows the app's tables, seen {seen}",
        where="[access] of deploy.toml",
        remedy="run again; if it stays so, see runbooks/access.md",
    )
