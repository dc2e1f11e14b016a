"""
One private folder per run for everything ephemeral, and two ways to make sure none of it stays.

A run that ends removes its folder itself. A run that is killed is outlived for a moment by its
guardian, a small process that waits for the run's end and then removes what it left: the database
server, the containers, the snapshot with its personal data. Where the guardian was killed as well,
the next run does the same for every folder whose owner is dead.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_deploy import leftovers
from pytest_deploy.leftovers import Container, Owner, unusable
from pytest_deploy.processes import Process

if TYPE_CHECKING:
    from collections.abc import Iterator

_FOLDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")
_GUARDIAN_TIMEOUT_S = 5.0
_DISMISSED = b"dismissed\n"
# Looks at its parent too: a forked worker that outlives the run would hold the pipe open.
_GUARDIAN = f"""
import os, select, sys
owner, python, folder = int(sys.argv[1]), sys.argv[2], sys.argv[3]
while os.getppid() == owner:
    if select.select([0], [], [], 0.5)[0]:
        if os.read(0, 64) == {_DISMISSED!r}:
            raise SystemExit
        break
os.execv(python, [python, "-P", "-m", "pytest_deploy.leftovers", folder])
"""


class Workspace:
    """
    A folder that only its owner can read and that ends with the run; made by `create`.

    What a kept database needs is made with `child(..., stays=True)`; all else goes in any case.
    """

    def __init__(self, path: Path, owner: Owner, swept: tuple[str, ...]) -> None:
        self.path = path
        self.release = path.name
        self.swept = swept
        self._owner = owner
        self._guardian = _start_guardian(path)

    @classmethod
    def create(cls, release: str) -> Workspace:
        """
        Remove what killed runs left, then make a folder for this run.

        Args:
            release: The id of this release; the folder's name.

        Returns:
            The workspace; `swept` names the folders that were removed.

        Raises:
            ConfigError: The temporary folder is not usable, or the release has a folder already.
        """
        root = _root()
        path = root / release
        if not _FOLDER_NAME.fullmatch(release):
            raise unusable(path, "expected a release id that can be a file name")
        with _locked(root):
            swept = leftovers.sweep(root, include_kept=False)
            try:
                path.mkdir(mode=0o700)
            except OSError as error:
                raise unusable(path, f"cannot be made: {error.strerror}") from error
            owner = Owner(Process.this())
            owner.write(path)
        return cls(path, owner, swept)

    @property
    def kept(self) -> bool:
        """Whether servers and databases are to be left running at the end."""
        return self._owner.kept

    def child(self, name: str, *, stays: bool = False) -> Path:
        """
        Make a private folder inside.

        Args:
            name: Its name.
            stays: Whether a kept database needs it.

        Returns:
            The folder; made on the first call.
        """
        folder = self.path / name
        folder.mkdir(mode=0o700, exist_ok=True)
        if stays and name not in self._owner.stays:
            self._amend(replace(self._owner, stays=(*self._owner.stays, name)))
        return folder

    def admit(self, gid: int) -> None:
        """
        Let the members of a group pass through to folders of their own; they cannot look around.

        Args:
            gid: The group of the account that a server runs as.
        """
        for folder in (self.path.parent, self.path):
            os.chown(folder, -1, gid)
            folder.chmod(0o710)

    def record_container(self, name: str, *, daemon: str) -> None:
        """
        Note a container, best before it is made, so that it is removed whatever happens.

        Args:
            name: The name or id it has or will have.
            daemon: The address of its Docker daemon.
        """
        containers = (*self._owner.containers, Container(name, daemon))
        self._amend(replace(self._owner, containers=containers))

    def keep(self) -> None:
        """Leave servers, databases and the children that stay; `sweep` can remove them later."""
        self._amend(replace(self._owner, kept=True))

    def close(self) -> None:
        """
        Remove the folder, or all but what stays of a kept one, and dismiss the guardian.

        Raises:
            ConfigError: Something cannot be removed.
        """
        if self.path.exists():
            leftovers.settle(self.path)
        if self._guardian.poll() is None:
            self._guardian.communicate(_DISMISSED, timeout=_GUARDIAN_TIMEOUT_S)

    def _amend(self, owner: Owner) -> None:
        owner.write(self.path)
        self._owner = owner


def sweep(*, include_kept: bool = False) -> tuple[str, ...]:
    """
    Remove the folders of dead runs, and the servers and containers that belong to them.

    Args:
        include_kept: Also what runs were asked to keep.

    Returns:
        The folders removed.

    Raises:
        ConfigError: The temporary folder is not usable.
    """
    root = _root()
    with _locked(root):
        return leftovers.sweep(root, include_kept=include_kept)


def _root() -> Path:
    root = Path(tempfile.gettempdir()).resolve() / f"pytest-deploy-{os.geteuid()}"
    try:
        root.mkdir(mode=0o700, exist_ok=True)
        found = root.lstat()
    except OSError as error:
        raise unusable(root, f"cannot be made: {error.strerror}") from error
    # The parent is open to all: somebody else may have made this name, to read what we write.
    if found.st_uid != os.geteuid() or not stat.S_ISDIR(found.st_mode) or found.st_mode & 0o067:
        raise unusable(root, "expected a folder that is closed to others, seen one that is not")
    return root


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    with (root / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _start_guardian(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-S", "-E", "-c", _GUARDIAN, str(os.getpid()), sys.executable, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))},
    )
