"""What a process of Locust is told to do, in a file that only its owner can read."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from pytest_deploy.files import write_whole
from pytest_deploy.secrets import Secret

if TYPE_CHECKING:
    from pathlib import Path

Part = Literal["alone", "master", "worker"]
GRACE_S = 5
NO_DATABASE = NO_PROJECT = Secret("")
_SECRET = ("database", "project")


@dataclass(frozen=True)
class Orders:
    """
    One process of one test.

    Args:
        part: Makes the load alone, shares it out, or makes a share of it.
        journey: The locustfile.
        state: Where the process says how far it is, or why it cannot go on.
        evidence: The folder of its evidence; empty for a worker.
        database: What libpq needs to connect; empty for a master, which asks nothing.
        project: See `Sessions.packed`; empty where the database is asked, and for a master.
        over_http: Whether the journey asks a project over HTTP.
        marker: What stands at the beginning of what the journey writes over HTTP.
        database_name: The database of the server; empty for the one that `database` names.
        role: The role that requests are made as; empty for the one that connects.
        connections: Connections of all processes together.
        users: Users in all.
        spawn_rate_per_s: How many come a second.
        seconds: For how long all of them stay.
        alone_s: For how long the first one is alone, before; 0 for not at all.
        host: The master's address.
        port: Its port; 0 for any that is free.
        workers: How many workers there must be.
        wait_s: How long they are waited for.
    """

    part: Part
    journey: str
    state: str
    evidence: str = ""
    database: Secret = NO_DATABASE
    project: Secret = NO_PROJECT
    over_http: bool = False
    marker: str = ""
    database_name: str = ""
    role: str = ""
    connections: int = 1
    users: int = 1
    spawn_rate_per_s: float = 1.0
    seconds: float = 1.0
    alone_s: float = 0.0
    host: str = "127.0.0.1"
    port: int = 0
    workers: int = 0
    wait_s: int = 60

    def write(self, path: Path) -> None:
        """
        Write the orders.

        Args:
            path: A file that is not there yet.
        """
        path.touch(mode=0o600, exist_ok=False)
        told = asdict(self) | {name: getattr(self, name).reveal() for name in _SECRET}
        path.write_text(json.dumps(told), encoding="utf-8")

    @classmethod
    def take(cls, path: Path) -> Orders:
        """
        Read orders, and remove the file: it holds passwords and tokens.

        Args:
            path: The file.

        Returns:
            The orders.
        """
        told = json.loads(path.read_text(encoding="utf-8"))
        path.unlink()
        return cls(**(told | {name: Secret(told[name]) for name in _SECRET}))


class State:
    """
    What a process tells the one that started it: the newest word, in a file.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def tell(self, **words: object) -> None:
        """
        Replace what was told before, at once, so that nobody reads half of it.

        Args:
            words: Simple values by name.
        """
        write_whole(self._path, json.dumps(words))

    def read(self) -> dict[str, object]:
        """
        Read what was told last.

        Returns:
            Values by name; none where nothing was told yet.
        """
        try:
            told = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return told if isinstance(told, dict) else {}
