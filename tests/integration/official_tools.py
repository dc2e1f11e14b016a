"""The official CLI of Supabase and the linter of migrations, as anybody installs them."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_STACK = ROOT / "stack"
_MARK = "node_modules/.installed"


@dataclass(frozen=True)
class SupabaseCli:
    """
    The official CLI, of the version that stack/package-lock.json pins.

    Args:
        path: The program.
        home: A home folder of its own: it keeps settings there.
    """

    path: Path
    home: Path

    def push(self, project, url):
        """Run `supabase db push` in a project; give exit code and output."""
        return self.run(project, "db", "push", f"--remote={url}", "--yes")

    def migrations(self, project, url):
        """Run `supabase migration list` in a project; give exit code and output."""
        return self.run(project, "migration", "list", f"--remote={url}")

    def run(self, project, *arguments):
        """Run a command in a project; give exit code and output."""
        done = subprocess.run(
            [str(self.path), *arguments],
            cwd=project,
            env=_environment() | {"HOME": str(self.home), "DO_NOT_TRACK": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return done.returncode, done.stdout + done.stderr


def _environment():
    """Put the programs of this interpreter's environment first: Node comes from a wheel."""
    folders = (str(Path(sys.executable).parent), os.environ.get("PATH", ""))
    # Node brings certificates of its own; behind a company's proxy only the system's will do, and
    # without them npm retries for as long as it is let.
    return os.environ | {"PATH": os.pathsep.join(folders), "NODE_USE_SYSTEM_CA": "1"}


def unavailable(why):
    """Fail where CI must prove it; elsewhere say why it is not proven."""
    if os.environ.get("CI", "").lower() in ("true", "1"):
        pytest.fail(f"CI proves this, and cannot: {why}", pytrace=False)
    pytest.skip(f"NOT PROVEN HERE: {why}")


def program(name):
    """Find a program of the extra `stack`."""
    found = shutil.which(name, path=_environment()["PATH"])
    if found is None:
        unavailable(f"no {name}; install it: pip install -e '.[dev,stack]'")
    return found


def install_cli(home):
    """Install what stack/package-lock.json pins, once for each lock; needs the npm registry."""
    npm, installed = program("npm"), _STACK / _MARK
    wanted = hashlib.sha256((_STACK / "package-lock.json").read_bytes()).hexdigest()
    with (_STACK / ".installing").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not installed.exists() or installed.read_text() != wanted:
            _npm_install(npm)
            installed.write_text(wanted)
    return SupabaseCli(_STACK / "node_modules/.bin/supabase", home)


def _npm_install(npm):
    try:
        subprocess.run(
            [npm, "install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=_STACK,
            env=_environment(),
            capture_output=True,
            text=True,
            check=True,
            timeout=300,
        )
    except subprocess.TimeoutExpired:
        unavailable("npm install had no answer from the registry in 300 s")
    except subprocess.CalledProcessError as error:
        unavailable(f"npm install failed: {error.stderr[-500:]}")


def lint(path):
    """Run squawk with the project's configuration; give what it says, nothing where all is well."""
    done = subprocess.run(
        [program("squawk"), "--config", str(ROOT / ".squawk.toml"), "--reporter", "gcc", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() if done.returncode else ""
