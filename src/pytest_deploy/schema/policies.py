"""Reads the file with the row level security policies: nothing else may stand in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_deploy.errors import ConfigError
from pytest_deploy.schema.access import API_ROLES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_deploy.config.release import AccessSettings

# For `pg_policy p`: who, what, which rows, and which new ones.
DEFINITION = """
md5(concat_ws(' ', p.polcmd, p.polpermissive,
    (SELECT string_agg(coalesce(r.rolname, 'public'), ',' ORDER BY 1)
     FROM unnest(p.polroles) one LEFT JOIN pg_roles r ON r.oid = one),
    'using', pg_get_expr(p.polqual, p.polrelid), 'check', pg_get_expr(p.polwithcheck, p.polrelid)))
"""
OBJECTS = ("storage", "objects")  # who may open which file of a private bucket
_WHERE = "deploy.toml, [access] policies"
# Exposed through the API, or somebody else's.
_NOT_PRIVATE = frozenset(
    {
        *("public", "graphql_public", "graphql", "auth", "storage", "realtime", "vault"),
        *("extensions", "supabase_migrations", "supabase_functions", "pgsodium", "cron", "net"),
        *("information_schema", "deploy", "deploy_staging"),
    }
)
_NAME = r'(?:"(?:[^"]|"")+"|[a-z_][\w$]*)'
_QUALIFIED = rf"(?P<schema>{_NAME})\s*\.\s*(?P<name>{_NAME})"
_POLICY = re.compile(
    rf"CREATE\s+POLICY\s+(?P<policy>{_NAME})\s+ON\s+(?:ONLY\s+)?"
    rf"(?:(?P<schema>{_NAME})\s*\.\s*)?(?P<table>{_NAME})",
    re.IGNORECASE,
)
_FUNCTION = re.compile(rf"CREATE\s+(?:OR\s+REPLACE\s+)?FUNCTION\s+{_QUALIFIED}\s*\(", re.IGNORECASE)
_GRANT = re.compile(
    rf"GRANT\s+EXECUTE\s+ON\s+FUNCTION\s+{_QUALIFIED}\s*\([^;]*\)\s+TO\s+(?P<roles>[\w\s,]+)",
    re.IGNORECASE,
)
_COMMENT = re.compile(rf"COMMENT\s+ON\s+(?:POLICY\s|FUNCTION\s+{_QUALIFIED}\s*\()", re.IGNORECASE)


@dataclass(frozen=True)
class PolicyStatement:
    """
    One statement of the file.

    Args:
        sql: Its text.
        line: The line that it begins on.
        policy: The policy's name where it makes one; else empty.
        on_objects: Whether that is a policy on the objects of Storage.
        schema: The private schema where it is about a function; else empty.
    """

    sql: str
    line: int
    policy: str = ""
    on_objects: bool = False
    schema: str = ""


def policies_of(access: AccessSettings) -> tuple[PolicyStatement, ...]:
    """
    Read the policies of an app.

    Args:
        access: `[access]`.

    Returns:
        The statements of its file; none where it names no file, and nobody sees a row.

    Raises:
        ConfigError: The file cannot be read, or something else stands in it.
    """
    return read_policies(access.policies) if access.policies else ()


def read_policies(path: Path) -> tuple[PolicyStatement, ...]:
    """
    Read a file of policies.

    Args:
        path: SQL: CREATE POLICY, and functions in a private schema with their rights and comments.

    Returns:
        Its statements.

    Raises:
        ConfigError: It cannot be read, or something else stands in it.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        seen = getattr(error, "strerror", "") or "no UTF-8"
        raise _refused(path, 0, f"expected SQL that can be read, seen: {seen}") from None
    return tuple(_judged(path, sql, line) for sql, line in _split(path, text))


def _split(path: Path, text: str) -> Iterator[tuple[str, int]]:
    """Split at semicolons that stand in no string, comment or function body."""
    from sqlglot.dialects.postgres import Postgres
    from sqlglot.errors import SqlglotError
    from sqlglot.tokenizer_core import TokenType

    try:
        tokens = Postgres().tokenize(text)
    except SqlglotError:
        raise _refused(path, 0, "expected SQL, seen a string or comment without end") from None
    begun: int | None = None
    line = 0
    for token in tokens:
        if token.token_type is TokenType.SEMICOLON:
            if begun is not None:
                yield text[begun : token.start], line
            begun = None
        elif begun is None:
            begun = token.start
            line = text.count("\n", 0, begun) + 1
    if begun is not None:
        yield text[begun:], line


def _judged(path: Path, sql: str, line: int) -> PolicyStatement:
    if found := _POLICY.match(sql):
        on = (_plain(found["schema"] or ""), _plain(found["table"]))
        return PolicyStatement(sql, line, _plain(found["policy"]), on_objects=on == OBJECTS)
    if found := _FUNCTION.match(sql):
        return PolicyStatement(sql, line, schema=_private(path, line, found["schema"]))
    if found := _GRANT.fullmatch(sql.strip()):
        roles = {role.strip().lower() for role in found["roles"].split(",")}
        if roles <= set(API_ROLES):
            return PolicyStatement(sql, line, schema=_private(path, line, found["schema"]))
        raise _refused(path, line, f"expected {', '.join(API_ROLES)} after TO, seen another role")
    if found := _COMMENT.match(sql):
        if found["schema"]:
            _private(path, line, found["schema"])
        return PolicyStatement(sql, line)
    raise _refused(
        path,
        line,
        "expected CREATE POLICY, CREATE FUNCTION in a private schema, GRANT EXECUTE ON FUNCTION or"
        " COMMENT, seen something else",
    )


def _private(path: Path, line: int, written: str) -> str:
    schema = _plain(written)
    if schema in _NOT_PRIVATE or schema.startswith("pg_"):
        raise _refused(path, line, f"expected a function in a private schema, seen {schema!r}")
    return schema


def _plain(written: str) -> str:
    if written.startswith('"'):
        return written[1:-1].replace('""', '"')
    return written.lower()


def _refused(path: Path, line: int, problem: str) -> ConfigError:
    place = f", line {line}" if line else ""
    return ConfigError(
        f"policies {path}{place}",
        problem=problem,
        where=_WHERE,
        remedy="correct the file; see runbooks/access.md",
    )
