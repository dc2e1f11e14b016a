"""`[access]` and `[release]` of `deploy.toml`: who may do what, and how a release is published."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from pytest_deploy.config.fields import ColumnName, FilePath, Section, Text
from pytest_deploy.config.freeze import Command  # noqa: TC001 - pydantic reads it

Columns: TypeAlias = Annotated[tuple[ColumnName, ...], Field(strict=False)]
Texts: TypeAlias = Annotated[tuple[Text, ...], Field(strict=False)]


class AccessSettings(Section):
    """
    `[access]`: who may do what through the API.

    Args:
        policies: A file of SQL with the row level security policies; None denies everything.
        anon: Tables and views of which `anon` may see rows, and nothing else.
        authenticated: What a signed-in user may do, by table: `select`, `insert`, `update`,
            `delete`.
        hidden: Columns that no API role may read: password hashes, above all.
    """

    policies: FilePath | None = None
    anon: Texts = ()
    authenticated: dict[
        Text,
        Annotated[tuple[Literal["select", "insert", "update", "delete"], ...], Field(strict=False)],
    ] = Field(default_factory=dict)
    hidden: Columns = ()


class ReleaseSettings(Section):
    """
    `[release]`: how a release is put into its place.

    Args:
        lock_timeout_s: How long the switch waits for a lock before it lets go and tries again.
        lock_attempts: How often it tries.
        approve: Steps that wait for a person, on any env but the rehearsal's.
        migration: The migration of the Supabase CLI that makes the app's schema, which a release
            records as applied; None where the CLI's migrations are not used.
        alert: A program and its arguments that tell people of an emergency, and of a phase on an
            env that ends red or unproven; no shell. What is told is in PYTEST_DEPLOY_ALERT.
        retain_hours: How long the way back is kept before the release can be made complete.
    """

    lock_timeout_s: Annotated[float, Field(gt=0, le=600)] = 5.0
    lock_attempts: Annotated[int, Field(ge=1, le=100)] = 5
    approve: Texts = ()
    migration: FilePath | None = None
    alert: Command | None = None
    retain_hours: Annotated[float, Field(ge=0, le=10_000)] = 24.0
