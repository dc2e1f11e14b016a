"""`python -m pytest_deploy backup`: take one of an env, list them, look whether one is whole."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_deploy.cli.saying import say, warn
from pytest_deploy.config import settings_of
from pytest_deploy.errors import BackupError, ConfigError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction
    from collections.abc import Iterator

    from pytest_deploy.config import Settings
    from pytest_deploy.config.backup import BackupSettings
    from pytest_deploy.recovery.drill import Drill
    from pytest_deploy.recovery.shelf import Shelf
    from pytest_deploy.recovery.taking import Backup
    from pytest_deploy.secrets import Secret
    from pytest_deploy.workspace import Workspace

_RUNBOOK = "runbooks/backup.md"
_NEWEST = "newest"


def add_backup(commands: _SubParsersAction) -> None:  # type: ignore[type-arg]
    """
    Add `backup take`, `backup list`, `backup check` and `backup restore`.

    Args:
        commands: Of the parser.
    """
    backup = commands.add_parser("backup", help="what is kept of an env, and how it comes back")
    below = backup.add_subparsers(dest="what", required=True, metavar="WHAT")
    take = below.add_parser("take", help="keep what stands there now, encrypted")
    _add_env(take)
    take.set_defaults(run=_take)
    listing = below.add_parser("list", help="list what is kept, the newest first")
    _add_env(listing)
    listing.set_defaults(run=_list)
    check = below.add_parser("check", help="compare the files of one with what it says of them")
    _add_env(check)
    _add_name(check)
    check.set_defaults(run=_check)
    restore = below.add_parser(
        "restore",
        help="bring one back into an empty project",
        description="Into the project of --into, which must be empty. Every row and object is"
        " compared then. Without --yes it says what would be done.",
    )
    _add_env(restore)
    _add_name(restore)
    restore.add_argument("--into", required=True, metavar="NAME", help="the env to restore into")
    restore.add_argument("--yes", action="store_true", help="do it")
    restore.set_defaults(run=_restore)


def _add_env(parser: ArgumentParser) -> None:
    parser.add_argument("--env", required=True, metavar="NAME", help="of which env it is")
    parser.add_argument("--deploy-config", type=Path, default=Path("deploy.toml"), metavar="FILE")
    parser.add_argument("--evidence", type=Path, default=Path(".deploy"), metavar="DIR")


def _add_name(parser: ArgumentParser) -> None:
    parser.add_argument(
        "name", nargs="?", default=_NEWEST, metavar="BACKUP", help="default: newest"
    )


def _take(options: Namespace) -> int:
    from pytest_deploy.providers.supabase.given import project_of
    from pytest_deploy.recovery.shelf import shelf_of
    from pytest_deploy.recovery.taking import Wanted, take

    settings = settings_of(options.deploy_config, None)
    backup = _settings(settings)
    project = project_of(settings, options.env)
    variables = settings.variables.target if settings.variables else None
    name = settings.app.name
    wanted = Wanted(name, options.env, backup.recipients, variables, options.evidence)
    shelf = shelf_of(backup, options.evidence, options.env)
    with _noted(options) as workspace:
        taken = take(project, wanted, shelf.folder, workspace.child("backup"))
        gone = shelf.keep(taken, backup.keep)
    say(f"{taken.folder}: {_told(taken)}")
    for old in gone:
        say(f"let go: {old}")
    return 0


def _list(options: Namespace) -> int:
    from pytest_deploy.recovery.taking import Backup

    found = _shelf(options).found()
    for one in found:
        told = _told(Backup(one.folder, one.manifest)) if one.manifest else one.problem
        say(f"{one.folder.name}  {told}")
    if not found:
        warn(f"there is none; see {_RUNBOOK}")
    return 0 if found and all(one.manifest for one in found) else 1


def _check(options: Namespace) -> int:
    from pytest_deploy.recovery.shelf import problems_of

    backup = _named(options)
    problems = problems_of(backup.folder, backup.manifest)
    for problem in problems:
        warn(f"{backup.folder.name}: {problem}")
    if problems:
        return 1
    say(f"{backup.folder.name}: whole, {_told(backup)}")
    return 0


def _restore(options: Namespace) -> int:
    from pytest_deploy.providers.supabase.given import project_of
    from pytest_deploy.recovery.drill import drill_of
    from pytest_deploy.recovery.restoring import restore

    settings = settings_of(options.deploy_config, None)
    backup, identity = _named(options), _identity(_settings(settings))
    if not options.yes:
        say(f"would restore {backup.folder.name} ({_told(backup)}) into env {options.into}")
        say("to do it: --yes")
        return 1
    into = project_of(settings, options.into)
    with _noted(options) as workspace:
        told = restore(backup, identity, into, workspace.child("restored"))
    for problem in told.problems:
        warn(problem)
    say(f"{told.tables:,} tables and {told.objects:,} objects compared")
    _tell_times(drill_of(options.env, told.seconds, backup.manifest), _settings(settings))
    return 1 if told.problems else 0


def _tell_times(drill: Drill, budgets: BackupSettings) -> None:
    phases = ", ".join(f"{name} {spent:.1f}" for name, spent in drill.seconds.items())
    rto_s, rpo_s = budgets.rto_minutes * 60, budgets.rpo_hours * 3600
    say(f"RTO: {drill.rto_s:,.1f} s of at most {rto_s:,.0f} s ({phases})")
    say(f"RPO: {drill.rpo_s:,.0f} s of at most {rpo_s:,.0f} s")


def _told(backup: Backup) -> str:
    manifest = backup.manifest
    size = manifest.size_bytes / 1_000_000
    return f"{manifest.taken_at}, {size:,.1f} MB, {len(manifest.objects):,} objects"


def _settings(settings: Settings) -> BackupSettings:
    if settings.backup is None:
        raise ConfigError(
            "backups",
            problem="expected to know who can open them, seen no [backup]",
            where="deploy.toml",
            remedy='add [backup] with recipients = ["age1..."]; age-keygen makes a pair',
        )
    return settings.backup


def _identity(settings: BackupSettings) -> Secret:
    from pytest_deploy.secrets import resolve

    if settings.identity is None:
        raise ConfigError(
            "restoring",
            problem="expected a key that opens backups, seen none",
            where="deploy.toml, [backup] identity",
            remedy='add identity = "env:NAME", and export that variable here',
        )
    return resolve(settings.identity.reveal(), where="deploy.toml, [backup] identity")


def _shelf(options: Namespace) -> Shelf:
    from pytest_deploy.recovery.shelf import shelf_of

    settings = _settings(settings_of(options.deploy_config, None))
    return shelf_of(settings, options.evidence, options.env)


def _named(options: Namespace) -> Backup:
    from pytest_deploy.recovery.manifest import read
    from pytest_deploy.recovery.taking import Backup

    shelf, name = _shelf(options), options.name
    if name == _NEWEST:
        name = next((one.folder.name for one in shelf.found() if one.manifest), None)
    if name is not None:
        folder = shelf.brought(name)
        return Backup(folder, read(folder))
    raise BackupError(
        f"backups of env {options.env!r}",
        problem="expected one that is whole, seen none",
        where=shelf.bucket.place if shelf.bucket else str(shelf.folder),
        remedy=f"python -m pytest_deploy backup take --env {options.env}; see {_RUNBOOK}",
    )


@contextmanager
def _noted(options: Namespace) -> Iterator[Workspace]:
    """Give a private folder; what is done is noted."""
    from pytest_deploy.audit import log
    from pytest_deploy.engine.release import Release
    from pytest_deploy.report.auditing import begin_log
    from pytest_deploy.workspace import Workspace

    run = Release.begin(options.evidence)
    begin_log(run.folder, run.id, options.env)
    workspace = Workspace.create(run.id)
    try:
        yield workspace
    finally:
        workspace.close()
        log.end()
