"""Looks around before the first step: this machine, the rehearsal's server, the env's."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_deploy import __version__
from pytest_deploy.assessment.dependencies import dependencies
from pytest_deploy.assessment.environment import (
    Environment,
    Look,
    Wanted,
    compare,
    names,
    needs_of,
    wanted,
)
from pytest_deploy.assessment.facts import SourceFacts, Surroundings
from pytest_deploy.assessment.variables import variables
from pytest_deploy.config import REHEARSAL
from pytest_deploy.errors import ConfigError, TargetError

if TYPE_CHECKING:
    from pytest_deploy.config import Settings
    from pytest_deploy.providers.postgres.base import Target
    from pytest_deploy.providers.postgres.looking import Seen
    from pytest_deploy.report.session import Session
    from pytest_deploy.schema.plan import SchemaPlan
    from pytest_deploy.transfer.planning import Prepared


def look_around(session: Session, prepared: Prepared, target: Target) -> Surroundings:
    """
    Look at everything that a deployment stands in.

    Args:
        session: The run.
        prepared: The plan of the schema.
        target: The rehearsal's database.

    Returns:
        What was seen; an env that cannot be reached is no error but a fact.

    Raises:
        TargetError: The rehearsal's own server does not answer.
    """
    settings, env = session.settings, session.options.env
    environment = _environment(settings, env, prepared.plan, target)
    folder = folder_of(settings)
    found = variables(settings.path, folder, env, os.environ)
    environment = replace(environment, local=_local(target), variables=found)
    return Surroundings(
        environment,
        dependencies(target.server, environment, folder),
        _source(prepared),
        target.server.kind,
        shutil.disk_usage(session.release.folder).free,
    )


def folder_of(settings: Settings) -> Path:
    """
    Say where the app is deployed from.

    Args:
        settings: The configuration.

    Returns:
        The folder of deploy.toml; the current one without it.
    """
    return settings.path.resolve().parent if settings.path else Path.cwd()


def _environment(settings: Settings, env: str, plan: SchemaPlan, target: Target) -> Environment:
    from pytest_deploy.providers.postgres.looking import look_at_target

    zone, rehearsal = settings.source.timezone, env == REHEARSAL
    here = look_at_target(target, schema=plan.schema, names=names(plan), zone=zone)
    asked = wanted(plan, zone, major=None, fresh=False)
    if rehearsal:
        return Environment(env, Look.REHEARSAL, needs=needs_of(here, asked))
    major = settings.environment(env).postgres_major
    try:
        there = _look_there(settings, env, plan, zone)
    except (ConfigError, TargetError) as error:
        unset = settings.environment(env).database is None
        look = Look.NOT_CONFIGURED if unset else Look.UNREACHABLE
        # Which variable is missing; of a server neither host nor user is told.
        named = f"{error.subject}: " if isinstance(error, ConfigError) and not unset else ""
        return Environment(env, look, named + error.problem, needs=needs_of(here, asked))
    fresh = settings.environment(env).existing != "replace"
    return _compared(env, here, there, replace(asked, major=major, fresh=fresh))


def _look_there(settings: Settings, env: str, plan: SchemaPlan, zone: str) -> Seen:
    from pytest_deploy.providers.postgres.looking import look_at_url

    url, where = settings.database_url(env), f"deploy.toml, [env.{env}] database"
    return look_at_url(url, where=where, schema=plan.schema, names=names(plan), zone=zone)


def _compared(env: str, here: Seen, there: Seen, asked: Wanted) -> Environment:
    compared, differences = compare(here, there)
    return Environment(
        env,
        Look.COMPARED,
        compared=compared,
        differences=differences,
        needs=needs_of(there, asked),
        postgres=there.version,
        statement_timeout=there.settings["statement_timeout"],
    )


def _local(target: Target) -> tuple[tuple[str, str], ...]:
    import psycopg
    from psycopg import pq

    server, libpq = target.server, pq.version()
    return (
        ("Python", ".".join(map(str, sys.version_info[:3]))),
        ("pytest-deploy", __version__),
        ("SQLite", sqlite3.sqlite_version),
        ("psycopg", psycopg.__version__),
        ("libpq", f"{libpq // 10_000}.{libpq % 10_000}"),
        ("Postgres", f"{server.version}, {server.kind}"),
    )


def _source(prepared: Prepared) -> SourceFacts:
    source, left_out = prepared.source, prepared.transfer.exclusions
    return SourceFacts(
        rows=source.rows,
        size_bytes=source.snapshot.size_bytes,
        left_behind=sum(
            left_out.rows_of(name) + left_out.cells_of(name) for name in source.profiles
        ),
        uploads=len(source.snapshot.uploads),
        is_live=source.snapshot.method == "backup",
    )
