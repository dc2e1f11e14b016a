"""What git says of the folder that is deployed from."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_TIMEOUT_S = 30.0
# Whatever this machine's or this repository's configuration says.
_STATUS = ("status", "--porcelain", "--untracked-files=normal", "--ignore-submodules=none")
_HIDDEN = re.compile("[a-zS] ")  # assume-unchanged is in small letters, skip-worktree is S


@dataclass(frozen=True)
class Checkout:
    """
    A working tree.

    Args:
        commit: The commit that is checked out, in hex; empty where git knows of none.
        clean: Whether every file is as committed, and none is there that is not.
    """

    commit: str = ""
    clean: bool = False


def checkout_of(folder: Path, *, besides: Path | None = None) -> Checkout:
    """
    Ask git.

    Args:
        folder: A folder of the working tree.
        besides: A folder whose files do not count: the evidence.

    Returns:
        What it says; neither commit nor clean where there is no git, or no commit.

    Source: https://git-scm.com/docs/git-status#_porcelain_format_version_1
        https://git-scm.com/docs/git-ls-files#Documentation/git-ls-files.txt--v
    """
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    if commit is None:
        return Checkout()
    top = _git(folder, "rev-parse", "--show-toplevel") or "."
    left_out = [f":(exclude,top){within}"] if (within := _within(top, besides)) else []
    changed = _git(folder, *_STATUS, "--", ":(top)", *left_out)
    return Checkout(commit.strip(), clean=changed == "" and _hides_nothing(folder))


def _hides_nothing(folder: Path) -> bool:
    """Tell whether git looks at every file: it can be told to take one for unchanged."""
    flags = _git(folder, "ls-files", "-v", "--", ":(top)")
    return flags is not None and not any(_HIDDEN.match(line) for line in flags.splitlines())


def _within(top: str, folder: Path | None) -> str | None:
    from pathlib import Path

    if folder is None:
        return None
    root, inner = Path(top.strip()).resolve(), folder.resolve()
    return str(inner.relative_to(root)) if inner.is_relative_to(root) and inner != root else None


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(  # noqa: S603 - nothing of it comes from data
            command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
