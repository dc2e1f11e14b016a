"""What git says of the folder that is deployed from."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_TIMEOUT_S = 30.0


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
    """
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    if commit is None:
        return Checkout()
    top = _git(folder, "rev-parse", "--show-toplevel") or "."
    left_out = [f":(exclude,top){within}"] if (within := _within(top, besides)) else []
    changed = _git(folder, "status", "--porcelain", "--", ":(top)", *left_out)
    return Checkout(commit.strip(), clean=changed == "")


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
