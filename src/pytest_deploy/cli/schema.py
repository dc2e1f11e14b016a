"""`python -m pytest_deploy schema`: the frozen plan, and the plan as a migration file."""

from __future__ import annotations

from argparse import ArgumentTypeError
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_deploy.cli.planning import Asked, add_options, planned
from pytest_deploy.cli.saying import say, warn
from pytest_deploy.errors import LockError
from pytest_deploy.schema.lock_text import RENEW, object_count, stale, write_lock
from pytest_deploy.schema.migration import (
    NAME,
    TIMESTAMP,
    migration_path,
    migration_text,
    write_migration,
)

if TYPE_CHECKING:
    from argparse import Namespace, _SubParsersAction
    from re import Pattern

    from pytest_deploy.transfer.frozen import Frozen

_WHERE = "schema.lock beside deploy.toml, or --schema-lock"


def add_schema(commands: _SubParsersAction) -> None:  # type: ignore[type-arg]
    """
    Add `schema lock` and `schema migration`.

    Args:
        commands: Of the parser.
    """
    schema = commands.add_parser("schema", help="freeze the planned schema, or write it as SQL")
    below = schema.add_subparsers(dest="what", required=True, metavar="WHAT")
    lock = below.add_parser(
        "lock",
        help="write schema.lock: types, names and remedies, to be reviewed and committed",
        description="Write schema.lock. Exit code 0: written or current; 1: stale, or an error.",
    )
    lock.add_argument("--check", action="store_true", help="write nothing; exit 1 when it is stale")
    lock.set_defaults(run=_lock)
    migration = below.add_parser(
        "migration",
        help="write the schema as supabase/migrations/<timestamp>_<name>.sql",
        description="Write the planned schema as a migration file of the Supabase CLI.",
    )
    migration.add_argument("--name", type=_matching(NAME), default="schema", help="default: schema")
    migration.add_argument(
        "--output", type=Path, default=Path("supabase/migrations"), metavar="DIR", help="the folder"
    )
    migration.add_argument(
        "--timestamp",
        type=_matching(TIMESTAMP),
        metavar="YYYYMMDDHHMMSS",
        help="default: that of the file of this name, else the time now",
    )
    migration.set_defaults(run=_migration)
    for command in (lock, migration):
        add_options(command)


def _matching(pattern: Pattern[str]) -> type[str]:
    def matching(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ArgumentTypeError(f"expected {pattern.pattern}, seen {text!r}")
        return text

    return matching  # type: ignore[return-value]


def _lock(options: Namespace) -> int:
    asked = Asked.of(options)
    path = _path_of(asked)
    with planned(asked) as frozen:
        if options.check:
            return _check(frozen)
        _refuse_unsettled(frozen)
        written = write_lock(path, frozen.now)
    said = "written" if written else "is current"
    remedies = sum(map(len, frozen.now.remedies.values()))
    say(f"{path}: {said}, {object_count(frozen.now):,} objects, {remedies:,} of them remedies")
    for difference in frozen.differences:
        say(f"  {difference}")
    return 0


def _path_of(asked: Asked) -> Path:
    if asked.lock is not None:
        return asked.lock
    raise LockError(
        "schema lock",
        problem="expected the database of a deploy.toml, seen --source: its lock has no place",
        where="--source",
        remedy="leave --source out, or say where the lock is: --schema-lock FILE",
    )


def _check(frozen: Frozen) -> int:
    _refuse_unusable(frozen)
    if frozen.file.lock is None:
        raise LockError(
            f"schema lock {frozen.file.path}",
            problem="expected a frozen plan, seen no file",
            where=_WHERE,
            remedy=f"write it: {RENEW}",
        )
    say(f"{frozen.file.path}: is current, {object_count(frozen.now):,} objects")
    return 0


def _migration(options: Namespace) -> int:
    path = migration_path(options.output, options.name, options.timestamp)
    with planned(Asked.of(options)) as frozen:
        _refuse_unusable(frozen)
        _refuse_unsettled(frozen)
        text = migration_text(frozen.prepared.plan)
    said = "written" if write_migration(path, text) else "is current"
    say(f"{path}: {said}, {len(frozen.now.tables):,} tables")
    if frozen.file.lock is None:
        warn(f"no schema.lock: types follow today's data; {RENEW}")
    return 0


def _refuse_unusable(frozen: Frozen) -> None:
    if frozen.file.problem:
        raise LockError(
            f"schema lock {frozen.file.path}",
            problem=frozen.file.problem,
            where=_WHERE,
            remedy=f"write it anew: {RENEW}; see runbooks/schema-lock.md",
        )
    if frozen.differences:
        raise stale(frozen.file, frozen.differences)


def _refuse_unsettled(frozen: Frozen) -> None:
    """What nobody has decided is not frozen: a free plan only carries the suggestion."""
    if not frozen.unsettled:
        return
    raise LockError(
        f"schema: {len(frozen.unsettled):,} blockers that nobody has settled",
        problem="\n  ".join(f"{f.code} {f.object}: {f.message}" for f in frozen.unsettled),
        where="deploy.toml, [schema]",
        remedy="choose a remedy for each (pytest -m predeploy prints the lines), or take those"
        " suggested: --accept-remedies; see runbooks/schema-findings.md",
    )
