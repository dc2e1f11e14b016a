"""
What a run leaves in its private folder when it ends or is killed, and how that is removed.

Run as a program with a folder's path, it settles that folder: this is what the guardian of a killed
run does.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from pytest_deploy.errors import ConfigError
from pytest_deploy.files import write_whole
from pytest_deploy.processes import Process, end, runs_with

_RECORD = "owner.json"
_FORMAT = 1
_REMOVAL_S = 5.0
_RETRY_S = 0.1
_DAEMON_TIMEOUT_S = 10
SERVICE_PID = "service.pid"  # in a child of the folder: a service that works there


@dataclass(frozen=True)
class Container:
    """
    A container that must not outlive its run.

    Args:
        name: Its name or id.
        daemon: The address of the Docker daemon that runs it.
    """

    name: str
    daemon: str


@dataclass(frozen=True)
class Owner:
    """
    What a folder says about the run it belongs to.

    Args:
        process: The run.
        kept: Whether it was asked to leave its database.
        stays: The children of the folder that a kept database needs.
        containers: What it started, or was about to start.
    """

    process: Process
    kept: bool = False
    stays: tuple[str, ...] = ()
    containers: tuple[Container, ...] = ()

    @classmethod
    def of(cls, folder: Path) -> Owner | None:
        """
        Read the record of a folder.

        Args:
            folder: The private folder of a run.

        Returns:
            The record; None where the run was killed before it wrote one.
        """
        try:
            record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
            return cls(
                process=Process(**record["process"]),
                kept=record["kept"],
                stays=tuple(record["stays"]),
                containers=tuple(Container(**each) for each in record["containers"]),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, folder: Path) -> None:
        """
        Replace the record of a folder at once, so that nobody reads half of it.

        Args:
            folder: The private folder of a run.
        """
        write_whole(folder / _RECORD, json.dumps({"format": _FORMAT, **asdict(self)}))


def settle(folder: Path, *, include_kept: bool = False) -> bool:
    """
    Remove a run's folder, its server and its containers; of a kept one only what need not stay.

    Args:
        folder: The private folder of a run that is over.
        include_kept: Also what the run was asked to keep.

    Returns:
        Whether the folder is gone.

    Raises:
        ConfigError: Something cannot be removed.
    """
    owner = Owner.of(folder)
    if owner and owner.kept and not include_kept:
        _end_services(folder)
        for child in folder.iterdir():
            if child.name not in {_RECORD, *owner.stays}:
                _remove(child)
        return False
    for container in owner.containers if owner else ():
        _remove_container(container)
    _discard(folder)
    return True


def sweep(root: Path, *, include_kept: bool) -> tuple[str, ...]:
    """
    Settle the folders of all dead runs.

    Args:
        root: Where the private folders are.
        include_kept: Also what runs were asked to keep.

    Returns:
        The folders removed.
    """
    removed = []
    for folder in sorted(each for each in root.iterdir() if each.is_dir()):
        owner = Owner.of(folder)
        if owner and owner.process.lives():
            continue
        # What one killed run left must not stop the next; it is tried again each time.
        with suppress(ConfigError, OSError):
            if settle(folder, include_kept=include_kept):
                removed.append(str(folder))
    return tuple(removed)


def unusable(path: Path, problem: str) -> ConfigError:
    """
    Say that the place for ephemeral files does not serve.

    Args:
        path: The file or folder.
        problem: What was expected and what was seen.

    Returns:
        The error to raise.
    """
    return ConfigError(
        f"temporary folder {path}",
        problem=problem,
        where="the environment variable TMPDIR (the system's temporary folder unless set)",
        remedy="remove the folder, or set TMPDIR to a folder of your own with room for the data",
    )


def _discard(folder: Path) -> None:
    deadline = time.monotonic() + _REMOVAL_S
    while folder.exists():
        # Again each time: a server that was about to start writes while we remove.
        for pid_file in folder.glob("*/postmaster.pid"):
            _end_server(pid_file)
        _end_services(folder)
        try:
            _remove(folder)
        except OSError as error:
            if time.monotonic() > deadline:
                raise unusable(folder, f"cannot be removed: {error.strerror}") from error
            time.sleep(_RETRY_S)


def mark_of(folder: Path) -> str:
    """
    Give the argument of Node by which a service is recognised as that of a folder.

    Args:
        folder: Where the service works.

    Returns:
        An option that changes nothing but where a crash would leave its report.
    """
    return f"--diagnostic-dir={folder}"


def _end_services(folder: Path) -> None:
    for pid_file in folder.glob(f"*/{SERVICE_PID}"):
        with suppress(OSError, ValueError):
            pid = int(pid_file.read_text())
            if pid > 0 and runs_with(pid, mark_of(pid_file.parent)):
                end(pid, signal.SIGTERM, signal.SIGKILL, timeout_s=_REMOVAL_S)


def _end_server(pid_file: Path) -> None:
    with suppress(OSError, ValueError):
        pid = int(pid_file.read_text().partition("\n")[0])
        # The number may have gone to another process since: the data folder makes it ours.
        if pid > 0 and runs_with(pid, str(pid_file.parent)):
            end(pid, signal.SIGQUIT, signal.SIGKILL, timeout_s=_REMOVAL_S)


def _remove_container(container: Container) -> None:
    import docker
    from docker.errors import DockerException

    environment = {**os.environ, "DOCKER_HOST": container.daemon}
    # Gone already, or gone with its daemon: its data was in memory.
    with (
        suppress(DockerException),
        closing(docker.from_env(timeout=_DAEMON_TIMEOUT_S, environment=environment)) as client,
    ):
        client.containers.get(container.name).remove(force=True, v=True)


def _remove(path: Path) -> None:
    with suppress(FileNotFoundError):
        if path.is_symlink() or not path.is_dir():
            path.unlink()
            return
        try:
            shutil.rmtree(path)
        except PermissionError:
            _make_writable(path)
            shutil.rmtree(path)


def _make_writable(folder: Path) -> None:
    folder.chmod(0o700)
    for parent, names, _ in os.walk(folder):
        for child in (Path(parent, name) for name in names):
            if not child.is_symlink():
                child.chmod(0o700)


if __name__ == "__main__":
    settle(Path(sys.argv[1]))
