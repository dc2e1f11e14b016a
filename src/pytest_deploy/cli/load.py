"""`python -m pytest_deploy load worker`: makes a share of the load that a run asks for."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_deploy.cli.saying import say
from pytest_deploy.errors import ConfigError
from pytest_deploy.load.nodes import address_of
from pytest_deploy.secrets import Secret, resolve

if TYPE_CHECKING:
    from argparse import Namespace, _SubParsersAction

    from pytest_deploy.load.journeys import Asks

_ENDLESS_S = float("inf")
_POLL_S = 0.2


def add_load(commands: _SubParsersAction) -> None:  # type: ignore[type-arg]
    """
    Add `load worker`.

    Args:
        commands: Of the parser.
    """
    load = commands.add_parser("load", help="take part in a load test")
    below = load.add_subparsers(dest="what", required=True, metavar="WHAT")
    worker = below.add_parser(
        "worker",
        help="join a run that waits with --load-expect, once for each journey",
        description="Exit code 0: every journey came to its end; 1: one did not.",
    )
    worker.add_argument(
        "--master", required=True, metavar="HOST:PORT", help="the run's --load-bind"
    )
    worker.add_argument(
        "--database",
        metavar="env:NAME",
        help="the variable with the server's URL; the run says which database of it",
    )
    worker.add_argument(
        "--project",
        type=Path,
        metavar="FILE",
        help="in its place, for journeys over HTTP: the file that the run writes; waits for it",
    )
    worker.add_argument(
        "--journey",
        type=Path,
        default=Path("loadtests"),
        metavar="FILE",
        help="a locustfile, or the folder of all, as the run has them; default: %(default)s",
    )
    worker.set_defaults(run=_worker)


def _worker(options: Namespace) -> int:
    from pytest_deploy.engine.release import new_id
    from pytest_deploy.load.journeys import asks, journeys_in
    from pytest_deploy.workspace import Workspace

    host, port = address_of(options.master, "--master")
    asked = _asked(options)
    whom: Asks = "project" if options.project else "database"
    files = [options.journey]
    if not options.journey.is_file():
        files = [file for file in journeys_in(options.journey) if asks(file) == whom]
    workspace = Workspace.create(new_id())
    try:
        for file in files:
            _take_part(file, (host, port), asked, workspace.child("load"))
    finally:
        workspace.close()
    return 0


def _asked(options: Namespace) -> dict[str, Secret]:
    """Say what the worker connects to: the database, or a project."""
    if bool(options.database) == bool(options.project):
        seen = "both" if options.database else "neither"
        raise ConfigError(
            "--database, --project",
            problem=f"expected one of them, seen {seen}",
            where="the command line",
            remedy="start one worker for each: see runbooks/load-gate.md, Beyond one machine",
        )
    if options.database:
        return {"database": _database(options.database)}
    return {"project": _project(options.project)}


def _project(path: Path) -> Secret:
    """Wait for the sessions that a run hands out, and read them."""
    say(f"waiting for {path}")
    while not (path.is_file() and (text := path.read_text(encoding="utf-8").strip())):
        time.sleep(_POLL_S)
    if path.stat().st_mode & 0o077:
        raise ConfigError(
            f"--project {path}",
            problem="expected a file that only its owner can read, seen one for others as well",
            where="the file's mode",
            remedy=f"chmod 600 {path}; it holds sessions of users",
        )
    return Secret(text)


def _database(text: str) -> Secret:
    where = "--database"
    if not text.startswith("env:"):  # what stands on a command line is seen by everybody
        raise ConfigError(
            where,
            problem="expected env:NAME, seen something else",
            where="the command line",
            remedy="export the URL in a variable, and name that: --database env:DATABASE_URL",
        )
    return resolve(text, where=where)


def _take_part(
    file: Path, master: tuple[str, int], asked: dict[str, Secret], private: Path
) -> None:
    from pytest_deploy.load.launch import started, waited_for
    from pytest_deploy.load.orders import NO_DATABASE, NO_PROJECT, Orders

    host, port = master
    orders = Orders(
        part="worker",
        journey=str(file.resolve()),
        state=str(private / f"{file.stem}.state"),
        host=host,
        port=port,
        database=asked.get("database", NO_DATABASE),
        project=asked.get("project", NO_PROJECT),
    )
    say(f"{file.name}: waiting for {host}:{port}")
    with started(orders, private, file.stem) as process:
        told = waited_for(process, lambda _told: None, _ENDLESS_S)
    say(f"{file.name}: made {told.get('samples')} requests")
