"""The history of migrations that the Supabase CLI keeps in a database, and the file of ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_deploy.errors import ConfigError
from pytest_deploy.schema.migration import NAME, TIMESTAMP

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg

_HISTORY = "supabase_migrations.schema_migrations"


@dataclass(frozen=True)
class Migration:
    """
    One migration.

    Args:
        version: Its time, `YYYYMMDDHHMMSS`.
        name: Its name.
        text: What stands in its file.
    """

    version: str
    name: str
    text: str


def migration_at(path: Path) -> Migration:
    """
    Read the migration that makes the app's schema.

    Args:
        path: Its file, `<timestamp>_<name>.sql`.

    Returns:
        The migration.

    Raises:
        ConfigError: There is none, or it is named otherwise.
    """
    version, _, name = path.stem.partition("_")
    if not (TIMESTAMP.fullmatch(version) and NAME.fullmatch(name) and path.suffix == ".sql"):
        raise _wrong(path, "expected a name such as 20260102030405_schema.sql, seen another one")
    try:
        return Migration(version, name, path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        seen = getattr(error, "strerror", "") or "no UTF-8"
        raise _wrong(path, f"expected SQL that can be read, seen: {seen}") from None


def recorded(connection: psycopg.Connection) -> dict[str, str]:
    """
    Read the history.

    Args:
        connection: To the database.

    Returns:
        The name of each migration that is recorded as applied, by version.
    """
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (_HISTORY,)).fetchone()
    if not (row and row[0]):
        return {}
    rows = connection.execute(f"SELECT version, coalesce(name, '') FROM {_HISTORY}".encode())
    return dict(rows.fetchall())


def _wrong(path: Path, problem: str) -> ConfigError:
    return ConfigError(
        f"migration {path.name}",
        problem=problem,
        where="deploy.toml, [release] migration",
        remedy="write it: python -m pytest_deploy schema migration; see runbooks/migrations.md",
    )
