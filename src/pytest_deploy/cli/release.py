"""`python -m pytest_deploy release`: what a target knows of its releases, and how one ends."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_deploy.cli.saying import say, warn
from pytest_deploy.config import settings_of

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction
    from collections.abc import Iterator

    from pytest_deploy.engine.opening import Known
    from pytest_deploy.providers.supabase.base import Supabase
    from pytest_deploy.steps.ending import Ending

_RUNBOOK = "runbooks/releases.md"


def add_release(commands: _SubParsersAction) -> None:  # type: ignore[type-arg]
    """
    Add `release show`, `release undo`, `release thaw` and `release complete`.

    Args:
        commands: Of the parser.
    """
    release = commands.add_parser("release", help="what an env knows of its releases")
    below = release.add_subparsers(dest="what", required=True, metavar="WHAT")
    show = below.add_parser("show", help="tell of the newest release; nothing is changed")
    _add_env(show)
    show.set_defaults(run=_show)
    undo = below.add_parser(
        "undo",
        help="take the way back of the newest release",
        description="Needs neither the source nor the configuration that it was deployed with."
        " Tables that were published are kept in a schema of their own.",
    )
    _add_env(undo)
    _add_change(undo)
    undo.add_argument(
        "--yes", action="store_true", help="do it; without it, say what would be done"
    )
    undo.set_defaults(run=_undo)
    thaw = below.add_parser(
        "thaw",
        help="let the app write again, as [freeze] says",
        description="For when the app is started on what was deployed. Undoing a release does it"
        " by itself.",
    )
    _add_env(thaw)
    _add_change(thaw)
    thaw.set_defaults(run=_thaw)
    complete = below.add_parser(
        "complete",
        help="give the way back up, once [release] retain_hours are over",
        description="The former tables are dropped. pytest -m postdeploy --complete does the same"
        " where every gate is green.",
    )
    _add_env(complete)
    _add_change(complete)
    complete.set_defaults(run=_complete)


def _add_env(parser: ArgumentParser) -> None:
    parser.add_argument("--env", required=True, metavar="NAME", help="the target")
    parser.add_argument("--deploy-config", type=Path, default=Path("deploy.toml"), metavar="FILE")


def _add_change(parser: ArgumentParser) -> None:
    parser.add_argument("--evidence", type=Path, default=Path(".deploy"), metavar="DIR")
    parser.add_argument(
        "--take-over",
        default="",
        metavar="RUN",
        help="RUN holds the target, and you know it is dead",
    )


@contextmanager
def _held(options: Namespace, project: Supabase) -> Iterator[None]:
    """Nobody else changes the project meanwhile, and what is done is noted."""
    from pytest_deploy.audit import log
    from pytest_deploy.engine.release import Release
    from pytest_deploy.providers.postgres.lease import held, look
    from pytest_deploy.report.auditing import begin_log

    run = Release.begin(options.evidence, project.database.run)
    begin_log(run.folder, run.id, options.env)
    try:
        with held(project.database, look(project.database), options.take_over):
            yield
    finally:
        log.end()


def _thaw(options: Namespace) -> int:
    from pytest_deploy.steps.freeze_source import FreezeSource

    project, known = _looked_up(options)
    settings = settings_of(options.deploy_config, None)
    if known is None or settings.frozen is None:
        warn("no release is known there" if known is None else "deploy.toml has no [freeze]")
        return 1
    with _held(options, project):
        FreezeSource(project, known.id, settings.frozen, settings.folder).thaw()
    say("the app may write again")
    return 0


def _show(options: Namespace) -> int:
    _, known = _looked_up(options)
    if known is None:
        warn("no release is known there")
        return 1
    say(_told(known))
    return 0


def _undo(options: Namespace) -> int:
    from pytest_deploy.engine.opening import ReleaseState

    project, known = _looked_up(options)
    if known is None or known.state is ReleaseState.COMPLETE:
        with _held(options, project):
            pass  # what a run that was killed before its first step has left
        warn(f"there is no release that could be undone; see {_RUNBOOK}")
        return 1
    ending = _ending(options, project, known)
    if not options.yes:
        say(f"{_told(known)}\nwould undo: {', '.join(ending.steps())}\nto do it: --yes")
        return 1
    with _held(options, project):
        undone = ending.undo()
    for step in undone:
        say(f"undone: {step}")
    return 0


def _complete(options: Namespace) -> int:
    from pytest_deploy.steps.ending import end_when_due

    project, known = _looked_up(options)
    if known is None:
        warn("no release is known there")
        return 1
    hours = settings_of(options.deploy_config, None).release.retain_hours
    ending = _ending(options, project, known)
    with _held(options, project):
        refused = end_when_due(ending, known, retain_hours=hours)
    if refused:
        warn(f"release {known.id}: {refused}; see {_RUNBOOK}")
        return 1
    say(f"release {known.id} is complete")
    return 0


def _looked_up(options: Namespace) -> tuple[Supabase, Known | None]:
    from pytest_deploy.engine.opening import newest
    from pytest_deploy.engine.release import new_id
    from pytest_deploy.providers.supabase.base import of_run
    from pytest_deploy.providers.supabase.given import project_of

    project = of_run(project_of(settings_of(options.deploy_config, None), options.env), new_id())
    with project.database.connect() as connection:
        return project, newest(connection)


def _ending(options: Namespace, project: Supabase, known: Known) -> Ending:
    from pytest_deploy.steps.ending import Ending
    from pytest_deploy.steps.services import services_of

    settings = settings_of(options.deploy_config, None)
    timeout_s = settings.release.lock_timeout_s
    variables = settings.variables
    file = variables.target if variables else None
    services = services_of(project, known.id, file, settings)
    return Ending(project, known.id, services, lock_timeout_s=timeout_s)


def _told(known: Known) -> str:
    since = f"{known.changed_at:%Y-%m-%d %H:%M} UTC"
    return f"release {known.id}: {known.state.value} since {since}, begun on {known.host}"
