"""`python -m pytest_deploy stack run`: a Supabase of one's own, for as long as a command runs."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from pytest_deploy.cli.planning import terminable
from pytest_deploy.cli.saying import say
from pytest_deploy.config import settings_of
from pytest_deploy.engine.release import new_id
from pytest_deploy.errors import ConfigError

if TYPE_CHECKING:
    from argparse import Namespace, _SubParsersAction
    from collections.abc import Iterator

    from pytest_deploy.config import Settings
    from pytest_deploy.providers.supabase.base import Supabase

_REFERENCE = "env:"


def add_stack(commands: _SubParsersAction) -> None:  # type: ignore[type-arg]
    """
    Add `stack run`.

    Args:
        commands: Of the parser.
    """
    stack = commands.add_parser("stack", help="a local Supabase, to try a deployment on")
    below = stack.add_subparsers(dest="what", required=True, metavar="WHAT")
    run = below.add_parser(
        "run",
        help="start one, run a command that deploys to it, and throw it away",
        description="Starts Postgres and Supabase Lite, sets the variables that [env.NAME] of"
        " deploy.toml refers to, runs the command, and gives its exit code.",
    )
    run.add_argument("--env", required=True, metavar="NAME", help="the env that it stands for")
    run.add_argument("--deploy-config", type=Path, default=Path("deploy.toml"), metavar="FILE")
    run.add_argument(
        "--postgres", metavar="auto|embedded|container|URL", help="default: as configured"
    )
    run.add_argument("call", nargs="+", metavar="COMMAND", help="after --, with its arguments")
    run.set_defaults(run=_run)


def _run(options: Namespace) -> int:
    settings = settings_of(options.deploy_config, None)
    names = _variables(settings, options.env)
    with terminable(), _project(settings, options.postgres) as project:
        say(f"local Supabase: {project.url}, as env {options.env}, until the command ends")
        values = _values(project)
        told = {names[key]: values[key] for key in names}
        return _called(options.call, os.environ | told)


def _variables(settings: Settings, env: str) -> dict[str, str]:
    """Name the variables that stand for the project, by the key of `[env.NAME]` that asks."""
    found = settings.environment(env)
    names: dict[str, str] = {}
    for key in ("url", "publishable_key", "secret_key", "database"):
        reference = getattr(found, key)
        told = "" if reference is None else reference.reveal()
        if not told.startswith(_REFERENCE):
            raise ConfigError(
                f"env {env!r}",
                problem=f"expected {key} to name a variable, seen "
                + ("a value" if told else "nothing"),
                where=f"deploy.toml, [env.{env}] {key}",
                remedy=f'write {key} = "env:NAME": what runs locally has another value each time',
            )
        names[key] = told.removeprefix(_REFERENCE)
    return names


def _values(project: Supabase) -> dict[str, str]:
    server, name = project.database.server, project.database.database
    password = quote(server.password.reveal(), safe="")
    account = f"{quote(server.user, safe='')}:{password}"
    return {
        "url": project.url,
        "publishable_key": project.publishable_key.reveal(),
        "secret_key": project.secret_key.reveal(),
        "database": f"postgresql://{account}@{server.host}:{server.port}/{quote(name, safe='')}",
    }


@contextmanager
def _project(settings: Settings, postgres: str | None) -> Iterator[Supabase]:
    from pytest_deploy.providers.postgres.choice import choose, serve
    from pytest_deploy.providers.postgres.databases import create_database
    from pytest_deploy.providers.supabase import lite
    from pytest_deploy.providers.supabase.roles import api_roles
    from pytest_deploy.workspace import Workspace

    rehearsal = settings.rehearsal
    choice = choose(postgres or rehearsal.postgres.reveal(), image=rehearsal.image)
    workspace = Workspace.create(new_id())
    try:
        with (
            serve(choice, workspace) as server,
            api_roles(server),
            create_database(server, f"{workspace.release}-stack") as database,
            lite.serve(database, workspace.child("stack")) as project,
        ):
            yield project
    finally:
        workspace.close()


def _called(call: list[str], environment: dict[str, str]) -> int:
    try:
        process = subprocess.Popen(call, env=environment)  # noqa: S603 - what the user typed
    except OSError as error:
        raise ConfigError(
            f"command {call[0]!r}",
            problem=f"expected a program that can be started, seen: {error.strerror}",
            where="the command line, after --",
            remedy="name a program that is there",
        ) from None
    try:
        code = process.wait()
    except BaseException:
        # It has had the terminal's Ctrl-C as well; of SIGTERM only we know.
        process.send_signal(signal.SIGTERM)
        process.wait()
        raise
    return code if code >= 0 else 128 - code
