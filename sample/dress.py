"""The dress rehearsal: every phase on a Supabase of its own, a second time, and all the way back."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_deploy.cli.saying import say
from pytest_deploy.engine.keys import VARIABLE, new_key, public_half
from sample.standing import differences, standing_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_deploy.secrets import Secret

ENV = "dress"
PHASES = ("predeploy", "deploy", "postdeploy")
_CONFIGURATION = Path("deploy.toml")
_FLAG = Path("sample/out/MANTENIMIENTO")
_BACKUP_KEY = Path("sample/backup.key")
_ROOM = "=" * 78


def main() -> int:
    """
    Run the phases twice; the second time nothing may change. Then go back, and restore.

    Returns:
        The exit code: that of the first phase that is not green; 1 where something changed, or a
        budget was not kept.
    """
    with _configuration() as (path, key):
        first = _rounds(path, key, 1, PHASES)
        if first:
            return first
        before = standing_at(os.environ)
        second = _rounds(path, key, 2, PHASES[1:])
        if second:
            return second
        changed = _compared(before, standing_at(os.environ)) or _thawed(path)
        return changed or _back_and_forth(path, key, before)


@contextmanager
def _configuration() -> Iterator[tuple[Path, Secret]]:
    """Write deploy.toml as it is, and a key that counts for as long as this runs."""
    _FLAG.unlink(missing_ok=True)  # of a run that ended early: its project is gone
    key, path = new_key(), Path(".deploy-dress.toml")
    text = _CONFIGURATION.read_text(encoding="utf-8")
    path.write_text(f'{text}\n[seal]\ntrusted_keys = ["{public_half(key)}"]\n', encoding="utf-8")
    try:
        yield path, key
    finally:
        path.unlink()


def _rounds(path: Path, key: Secret, number: int, phases: tuple[str, ...]) -> int:
    for phase in phases:
        say(f"{_ROOM}\n{phase}, round {number}\n{_ROOM}")
        began = time.monotonic()
        call = ["pytest", "-m", phase, f"--env={ENV}", f"--deploy-config={path}"]
        done = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-m", *call],
            env=os.environ | {VARIABLE: key.reveal(), "OSYRIS_BACKUP_KEY": _identity()},
            check=False,
        )
        say(f"{phase}, round {number}: {time.monotonic() - began:.1f} s")
        if done.returncode:
            return done.returncode
    return 0


def _identity() -> str:
    """Take the private key of the sample's backups, which is no secret."""
    lines = _BACKUP_KEY.read_text(encoding="utf-8").splitlines()
    return next(line for line in lines if line.startswith("AGE-SECRET-KEY-"))


def _thawed(path: Path) -> int:
    """Let the app write again, now that it would be started on what stands there."""
    return _called(path, "release", "thaw", f"--env={ENV}")


def _called(path: Path, *call: str) -> int:
    command = [sys.executable, "-m", "pytest_deploy", *call, f"--deploy-config={path}"]
    environment = os.environ | {"OSYRIS_BACKUP_KEY": _identity()}
    done = subprocess.run(command, env=environment, check=False)  # noqa: S603 - our own interpreter
    return done.returncode


def _back_and_forth(path: Path, key: Secret, before: Mapping[str, str]) -> int:
    """Drill as every night, take all of it back, and restore what the rollback has kept."""
    failed = _rounds(path, key, 3, ("nightly", "rollback"))
    if failed:
        return failed
    call = ("backup", "restore", f"--env={ENV}", f"--into={ENV}", "--yes")
    failed = _called(path, *call)
    if failed:
        return failed
    # Objects were compared by the restore itself; Storage gives them other ids and dates.
    after = standing_at(os.environ)
    changed = [one for one in differences(before, after) if not one.startswith("rows of storage.")]
    for what in changed:
        say(f"it is not back: {what}")
    if not changed:
        say("taken back and restored: all of it is there again")
    return 1 if changed else 0


def _compared(before: Mapping[str, str], after: Mapping[str, str]) -> int:
    changed = differences(before, after)
    for what in changed:
        say(f"the second round changed: {what}")
    if not changed:
        say(f"the second round changed nothing: {len(after)} digests are the same")
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
