"""`python -m pytest_deploy load worker`: makes a share of the load that a run asks for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_deploy.cli.saying import say
from pytest_deploy.errors import ConfigError
from pytest_deploy.load.nodes import address_of
from pytest_deploy.secrets import Secret, resolve

if TYPE_CHECKING:
    from argparse import Namespace, _SubParsersAction

_ENDLESS_S = float("inf")


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
        required=True,
        metavar="env:NAME",
        help="the variable with the server's URL; the run says which database of it",
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
    from pytest_deploy.load.journeys import journeys_in
    from pytest_deploy.workspace import Workspace

    host, port = address_of(options.master, "--master")
    database = _database(options.database)
    files = [options.journey] if options.journey.is_file() else journeys_in(options.journey)
    workspace = Workspace.create(new_id())
    try:
        for file in files:
            _take_part(file, (host, port), database, workspace.child("load"))
    finally:
        workspace.close()
    return 0


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


def _take_part(file: Path, master: tuple[str, int], database: Secret, private: Path) -> None:
    from pytest_deploy.load.launch import started, waited_for
    from pytest_deploy.load.orders import Orders

    host, port = master
    orders = Orders(
        part="worker",
        journey=str(file.resolve()),
        state=str(private / f"{file.stem}.state"),
        database=database,
        host=host,
        port=port,
    )
    say(f"{file.name}: waiting for {host}:{port}")
    with started(orders, private, file.stem) as process:
        told = waited_for(process, lambda _told: None, _ENDLESS_S)
    say(f"{file.name}: made {told.get('samples')} requests")
