"""Plans as a rehearsal does, without one: what commands need that ask for a plan alone."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_deploy.config import settings_of
from pytest_deploy.engine.release import new_id
from pytest_deploy.schema.lock_text import find_lock

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator
    from types import FrameType

    from pytest_deploy.config import Settings
    from pytest_deploy.transfer.frozen import Frozen
    from pytest_deploy.workspace import Workspace

TERMINATED = 128 + signal.SIGTERM
_CONFIGURATION = Path("deploy.toml")


@dataclass(frozen=True)
class Asked:
    """
    What was asked for on the command line.

    Args:
        settings: The configuration.
        lock: Where the frozen plan is or would be; None where nothing is frozen.
        postgres: Where to try what fits an index; None for what configuration says.
        accept: Whether suggested remedies are accepted.
    """

    settings: Settings
    lock: Path | None
    postgres: str | None
    accept: bool

    @classmethod
    def of(cls, options: Namespace) -> Asked:
        """
        Read the options that `add_options` added.

        Args:
            options: Parsed.

        Returns:
            What they mean.

        Raises:
            ConfigError: The configuration is not what it should be, or there is none.
        """
        path = options.deploy_config or (_CONFIGURATION if _CONFIGURATION.is_file() else None)
        settings = settings_of(path, options.source)
        lock = options.schema_lock or settings.schema_lock
        return cls(settings, lock, options.postgres, options.accept_remedies)


def add_options(parser: ArgumentParser) -> None:
    """
    Add the options that a plan takes: those of a rehearsal, by the same names.

    Args:
        parser: Of a command.
    """
    parser.add_argument(
        "--deploy-config", type=Path, metavar="FILE", help="the configuration; default: deploy.toml"
    )
    parser.add_argument(
        "--source", type=Path, metavar="FILE.db", help="a SQLite file instead of the configured one"
    )
    parser.add_argument(
        "--postgres", metavar="auto|embedded|container|URL", help="where to plan; default: auto"
    )
    parser.add_argument(
        "--schema-lock", type=Path, metavar="FILE", help="default: schema.lock beside deploy.toml"
    )
    parser.add_argument(
        "--accept-remedies", action="store_true", help="take the remedies that findings suggest"
    )


@contextmanager
def planned(asked: Asked) -> Iterator[Frozen]:
    """
    Plan on a database that is thrown away, whatever happens.

    Args:
        asked: What was asked for.

    Yields:
        The plan and its lock.

    Raises:
        DeployError: The source cannot be read, or there is no Postgres to plan on.
    """
    from pytest_deploy.workspace import Workspace

    with terminable():
        workspace = Workspace.create(new_id())
        try:
            yield from _planned(asked, workspace)
        finally:
            workspace.close()


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM unwind what a command has begun, as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _planned(asked: Asked, workspace: Workspace) -> Iterator[Frozen]:
    from pytest_deploy.providers.postgres.choice import choose, serve
    from pytest_deploy.providers.postgres.databases import create_database
    from pytest_deploy.transfer.adapting import adapt
    from pytest_deploy.transfer.changes import changes_of
    from pytest_deploy.transfer.frozen import prepare_frozen
    from pytest_deploy.transfer.planning import read_source
    from pytest_deploy.transfer.snapshot import take

    settings = asked.settings
    request = asked.postgres or settings.rehearsal.postgres.reveal()
    choice = choose(request, image=settings.rehearsal.image)
    database = settings.source.database
    snapshot = take(database, workspace.child("snapshot"), uploads=settings.source.uploads)
    changes = changes_of(settings, snapshot)
    adapted = adapt(snapshot, changes, workspace.child("adapted"))
    source = read_source(database, adapted.snapshot)
    with (
        serve(choice, workspace) as server,
        create_database(server, workspace.release) as target,
    ):
        yield prepare_frozen(
            source,
            target,
            settings,
            find_lock(asked.lock),
            accept=asked.accept,
            folder=workspace.child("plan"),
        )


def _terminate(_number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one must not stop the unwinding
    raise SystemExit(TERMINATED)
