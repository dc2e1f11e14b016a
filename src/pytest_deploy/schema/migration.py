"""Writes the whole schema as one migration file, as the Supabase CLI takes it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pytest_deploy.errors import LockError
from pytest_deploy.schema import ddl
from pytest_deploy.schema.identifiers import literal, quoted
from pytest_deploy.schema.written import written

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pytest_deploy.schema.plan import SchemaPlan

NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")
TIMESTAMP = re.compile(r"\d{14}")
_WHERE = "--output, default supabase/migrations"
_HEADER = """\
-- The schema as pytest-deploy plans it, without rows: for a database that has none of these tables.
-- Written by: python -m pytest_deploy schema migration
--
-- `supabase db push` runs a migration in one transaction; elsewhere: psql --single-transaction.
-- The tables are new and empty then, so nobody waits for the locks that constraints and indexes
-- take: lint it with squawk --assume-in-transaction.

SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = 0;
"""
_SECTIONS = (
    ("Keys and indexes", ("primary key", "unique", "index")),
    ("Checks", ("check",)),
    ("Foreign keys", ("foreign key",)),
)
_CLOSED = "Access: closed to the roles of Supabase's Data API until somebody grants it"
_API_ROLES = ("anon", "authenticated")


def migration_text(plan: SchemaPlan) -> str:
    """
    Write a plan as one SQL script, in an order that Postgres takes.

    Args:
        plan: The plan.

    Returns:
        The script; the same for the same plan. It holds no value of any row.

    Source: https://supabase.com/docs/guides/deployment/database-migrations
    """
    parts = [_HEADER]
    for title, statements in _sections(plan):
        written = [f"{statement.strip().rstrip(';')};\n" for statement in statements]
        if written:
            parts += [f"-- {title}\n", *written]
    return "\n".join(parts)


def _sections(plan: SchemaPlan) -> Iterator[tuple[str, Iterable[str]]]:
    if plan.schema != "public":
        yield "Schema", [f"CREATE SCHEMA IF NOT EXISTS {quoted(plan.schema)}"]
    yield "Functions", [one.sql for one in ddl.routines(plan)]
    yield "Tables", [ddl.create_table(plan, table) for table in plan.tables]
    constraints = list(ddl.constraints(plan))
    for title, kinds in _SECTIONS:
        yield title, [one.sql for one in constraints if one.kind in kinds]
    programs = list(ddl.programs(plan))
    yield "Views", [one.sql for one in programs if one.kind == "view"]
    yield "Triggers", [one.sql for one in programs if one.kind != "view"]
    yield _CLOSED, [_closed(plan)]


def _closed(plan: SchemaPlan) -> str:
    """
    Take from the API roles what a project's default privileges may have given them.

    Source: https://supabase.com/docs/guides/api/securing-your-api
    """
    names = [*(table.name for table in plan.tables), *(view.name for view in plan.views)]
    listed = ", ".join(ddl.relation(plan, name) for name in names)
    roles = ", ".join(map(literal, _API_ROLES))
    body = f"""\
DECLARE
    api_role text;
BEGIN
    FOR api_role IN SELECT rolname FROM pg_catalog.pg_roles WHERE rolname IN ({roles})
    LOOP
        EXECUTE {literal(f"REVOKE ALL ON TABLE {listed} FROM ")}
            || pg_catalog.quote_ident(api_role);
    END LOOP;
END"""
    tag = _dollar_tag(body)
    return f"DO {tag}\n{body}\n{tag}"


def _dollar_tag(body: str) -> str:
    tag = "$access$"
    while tag in body:
        tag = tag.replace("$access", "$access_", 1)
    return tag


def migration_path(folder: Path, name: str, timestamp: str | None) -> Path:
    """
    Say where a migration goes: where the one of that name is already, else under a new time.

    Args:
        folder: The folder of migrations.
        name: Its name.
        timestamp: Its time, `YYYYMMDDHHMMSS`; None for that of the file there, else for now.

    Returns:
        The file.

    Raises:
        LockError: There are several files of that name.
    """
    if timestamp is not None:
        return folder / f"{timestamp}_{name}.sql"
    ending = f"_{name}.sql"
    there = sorted(
        path
        for path in folder.glob("*.sql")
        if path.name.endswith(ending) and TIMESTAMP.fullmatch(path.name.removesuffix(ending))
    )
    if len(there) > 1:
        raise LockError(
            f"migration {name!r}",
            problem=f"expected one file of that name, seen {len(there)} in {folder}",
            where=f"--name and {_WHERE}",
            remedy="say which: --timestamp YYYYMMDDHHMMSS, or choose another --name",
        )
    return there[0] if there else folder / f"{datetime.now(UTC):%Y%m%d%H%M%S}{ending}"


def write_migration(path: Path, text: str) -> bool:
    """
    Write a migration.

    Args:
        path: The file; its folder is made where there is none.
        text: What it is to say.

    Returns:
        Whether the file is another one now.

    Raises:
        LockError: It cannot be written.
    """
    return written(path, text, subject=f"migration {path}", where=_WHERE)
