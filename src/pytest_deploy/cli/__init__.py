"""`python -m pytest_deploy`: the few things that are no test."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from pytest_deploy import __version__
from pytest_deploy.cli.access import add_access
from pytest_deploy.cli.audit import add_audit
from pytest_deploy.cli.backup import add_backup
from pytest_deploy.cli.expectations import add_expectations
from pytest_deploy.cli.history import add_history
from pytest_deploy.cli.load import add_load
from pytest_deploy.cli.red_twins import add_red_twins
from pytest_deploy.cli.release import add_release
from pytest_deploy.cli.report import add_report
from pytest_deploy.cli.saying import say, warn
from pytest_deploy.cli.schema import add_schema
from pytest_deploy.cli.seal import add_seal
from pytest_deploy.cli.stack import add_stack
from pytest_deploy.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Sequence

_INTERRUPTED = 130
_NOBODY_READS = 141


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run a command.

    Args:
        arguments: The command line without the program; the process's own unless given.

    Returns:
        The exit code: 0; 1 where something could not be done or is not as it should be; 130 after
        Ctrl-C. A command line that is none ends with 2, SIGTERM with 143.
    """
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except DeployError as error:
        warn(error)
        return 1
    except BrokenPipeError:  # who reads has seen enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _NOBODY_READS
    except KeyboardInterrupt:
        warn("stopped by Ctrl-C; nothing is left behind")
        return _INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pytest_deploy",
        description="A deployment is a pytest run: `pytest -m predeploy`. This does the rest.",
    )
    parser.add_argument("--version", action="version", version=f"pytest-deploy {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    sweep = commands.add_parser("sweep", help="remove what killed rehearsals left behind")
    sweep.add_argument("--kept", action="store_true", help="also what was kept with --keep-target")
    sweep.set_defaults(run=_sweep)
    add_schema(commands)
    add_seal(commands)
    add_red_twins(commands)
    add_report(commands)
    add_history(commands)
    add_expectations(commands)
    add_access(commands)
    add_load(commands)
    add_stack(commands)
    add_release(commands)
    add_audit(commands)
    add_backup(commands)
    return parser


def _sweep(options: argparse.Namespace) -> int:
    from pytest_deploy.workspace import sweep

    removed = sweep(include_kept=options.kept)
    for name in removed:
        say(f"removed {name}")
    say(f"{len(removed)} removed")
    return 0
