"""Does the Supabase CLI know what stands on the project: its files and its history agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.gates.verdict import Verdict
from pytest_deploy.schema.history import recorded
from pytest_deploy.schema.migration import migration_text

if TYPE_CHECKING:
    from pytest_deploy.providers.postgres.base import Target
    from pytest_deploy.schema.history import Migration
    from pytest_deploy.schema.plan import SchemaPlan

_REMEDY = "python -m pytest_deploy schema migration writes the file; see runbooks/migrations.md"


def migration_is_recorded(migration: Migration, plan: SchemaPlan, target: Target) -> Verdict:
    """
    Compare the migration with the plan, and with the history on the project.

    Args:
        migration: The migration that makes the app's schema.
        plan: The plan in its final schema.
        target: The database.

    Returns:
        One problem where the file is not the plan's, and one where it is not recorded.
    """
    with target.connect() as connection:
        there = recorded(connection)
    problems = []
    if migration.text != migration_text(plan):
        problems.append("the migration makes another schema than the plan")
    if migration.version not in there:
        problems.append(f"migration {migration.version} is not recorded as applied")
    elif there[migration.version] not in ("", migration.name):
        problems.append(f"migration {migration.version} is recorded under another name")
    return Verdict(
        examined=1 + len(there),
        unit="migrations",
        problems=tuple(problems),
        measured={"recorded": len(there)},
        remedy=_REMEDY,
    )
