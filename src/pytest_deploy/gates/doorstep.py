"""Is the target ready: does it answer, take our keys, let us do what we must, and have room."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_deploy.assessment.environment import compare, needs_of
from pytest_deploy.findings import Finding, Severity
from pytest_deploy.gates.environment import DISK_FACTOR
from pytest_deploy.gates.verdict import Check, CheckState, Verdict
from pytest_deploy.providers.postgres.looking import look_at_target
from pytest_deploy.providers.postgres.room import room_on
from pytest_deploy.providers.supabase.accounts import has_admin
from pytest_deploy.providers.supabase.addresses import is_local
from pytest_deploy.providers.supabase.services import reach

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_deploy.assessment.environment import Wanted
    from pytest_deploy.providers.postgres.looking import Seen
    from pytest_deploy.providers.postgres.room import Room
    from pytest_deploy.providers.supabase.base import Supabase
    from pytest_deploy.schema.plan import SchemaPlan

_ROLES = ("anon", "authenticated", "service_role")
_AUTH_TABLES = ("auth.users", "auth.identities")
_OWN_SESSIONS = 4  # the lock, the step's, the ledger's, the API's that wakes up
_REMEDY = "each line says what to do; see runbooks/target.md"


@dataclass(frozen=True)
class Asked:
    """
    What a deployment asks of a target.

    Args:
        plan: The plan.
        wanted: What the plan needs of a server.
        rehearsed: The server that it was rehearsed on.
        env: What messages call the target.
        workers: Processes that move rows.
        source_bytes: The size of the source database.
        free_bytes: Free space for it; None to measure it.
        disk_mb: How large the database may become, where that is configured.
        makes_users: Whether accounts are made.
    """

    plan: SchemaPlan
    wanted: Wanted
    rehearsed: Seen
    env: str
    workers: int
    source_bytes: int
    free_bytes: int | None = None
    disk_mb: int | None = None
    makes_users: bool = False


def role_may_more(attributes: tuple[str, ...], role: str) -> tuple[Finding, ...]:
    """
    Tell of a role that may do what no deployment needs.

    Args:
        attributes: What it may, such as `CREATEROLE` or `SET ROLE service_role`.
        role: Its name.

    Returns:
        A risk; none where it may no more than it has to.
    """
    if not attributes:
        return ()
    message = (
        f"may {', '.join(attributes)}, which no deployment needs: python -m pytest_deploy access"
        " role prints one that may not"
    )
    return (Finding("role_may_more", Severity.RISK, role, message),)


def target_is_ready(project: Supabase, asked: Asked) -> Verdict:
    """
    Look at a target from the outside, before anything of it is changed.

    Args:
        project: The target.
        asked: What is asked of it.

    Returns:
        One check for each service, right, version and budget; problems with what to do.

    Raises:
        TargetError: Its database is unreachable.
    """
    seen = look_at_target(
        project.database, schema=asked.plan.schema, names=(), zone=asked.wanted.zone
    )
    reached = reach(project)
    answers = not any(one.problem for one in reached)
    by_sql = asked.makes_users and answers and not has_admin(project)
    room = room_on(
        project.database,
        schema=asked.plan.schema,
        roles=_ROLES,
        writes=_AUTH_TABLES if by_sql else (),
    )
    found = (
        *((one.service, one.problem) for one in reached),
        *((need.need, need.problem) for need in needs_of(seen, asked.wanted)),
        *_versions(seen, asked),
        *_rights(project, room),
        *_budgets(project, room, asked),
    )
    return Verdict(
        examined=len(found),
        unit="needs",
        problems=tuple(f"{name}: {problem}" for name, problem in found if problem),
        checks=tuple(
            Check(name, CheckState.FAILS if problem else CheckState.HOLDS, problem)
            for name, problem in found
        ),
        measured={
            "postgres": seen.version,
            "free_connections": room.free_connections,
            "database_bytes": room.database_bytes,
        },
        remedy=_REMEDY,
    )


def _versions(seen: Seen, asked: Asked) -> Iterator[tuple[str, str]]:
    problem = ""
    if asked.wanted.major is None and seen.major != asked.rehearsed.major:
        problem = (
            f"{seen.major}, rehearsed on {asked.rehearsed.major}: rehearse on the same, or say"
            f" postgres_major = {seen.major} in [env.{asked.env}]"
        )
    yield "the Postgres that was rehearsed on", problem
    _, differences = compare(asked.rehearsed, seen)
    missing = [one.name for one in differences if _is_missing_extension(one.name, one.env)]
    yield "the extensions of the rehearsal", "; ".join(f"no {name} there" for name in missing)


def _is_missing_extension(name: str, there: str) -> bool:
    return name.startswith("extension ") and there == "none"


def _rights(project: Supabase, room: Room) -> Iterator[tuple[str, str]]:
    role = project.database.server.user
    missing = ", ".join(room.missing_roles)
    yield "the roles of the API", f"no role {missing}: this is no Supabase" if missing else ""
    few = [] if room.makes_schemas else [f"GRANT CREATE ON DATABASE ... TO {role}"]
    few += [] if room.makes_tables else [f"GRANT CREATE ON SCHEMA ... TO {role}"]
    few += [f"GRANT INSERT, DELETE ON {table} TO {role}" for table in room.closed_tables]
    yield "a role that may do enough", f"it needs {'; '.join(few)}" if few else ""
    too_many = room.is_superuser and not is_local(project.database.server.host)
    problem = "it is a superuser, on another machine: take postgres, or a role of its own"
    yield "a role that may do no more", problem if too_many else ""


def _budgets(project: Supabase, room: Room, asked: Asked) -> Iterator[tuple[str, str]]:
    needed = asked.workers + _OWN_SESSIONS
    free = room.free_connections
    few = f"{free} free, {needed} needed: close others, or set [rehearsal] workers lower"
    yield "free connections", few if free < needed else ""
    bytes_needed = DISK_FACTOR * asked.source_bytes
    left = _left(project, room, asked)
    if left is None:
        problem = f"not known: say how large the database may become, disk_mb in [env.{asked.env}]"
    else:
        problem = f"{left:,} bytes left, {bytes_needed:,} needed: make room, or buy more of it"
    yield "room for the rows", problem if left is None or left < bytes_needed else ""


def _left(project: Supabase, room: Room, asked: Asked) -> int | None:
    if asked.free_bytes is not None:
        return asked.free_bytes
    if asked.disk_mb is not None:
        return asked.disk_mb * 1_000_000 - room.database_bytes
    if is_local(project.database.server.host) and Path(room.folder or "\0").is_dir():
        return shutil.disk_usage(room.folder).free
    return None
