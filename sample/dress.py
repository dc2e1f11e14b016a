"""The dress rehearsal: every phase on a Supabase of its own, a second time, and all the way back."""

from __future__ import annotations

import json
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
_REPORT = Path(".deploy/latest/report.json")
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
        return changed or _rounds(path, key, 3, ("rollback", "nightly")) or _told_budgets()


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
    call = ["pytest_deploy", "release", "thaw", f"--env={ENV}", f"--deploy-config={path}"]
    command = [sys.executable, "-m", *call]
    return subprocess.run(command, check=False).returncode  # noqa: S603 - our own interpreter


def _told_budgets() -> int:
    """Print RTO and RPO, as they were measured in the night, beside what they may be."""
    report = json.loads(_REPORT.read_text(encoding="utf-8"))
    gates = {gate["name"]: gate for gate in report["gates"]}
    told = gates["recovery_is_within_budget"]["measured"]
    say(f"RTO: {told['rto_s']:.1f} s of at most {told['rto_budget_s']:,.0f} s")
    say(f"RPO: {told['rpo_s']:.0f} s of at most {told['rpo_budget_s']:,.0f} s")
    return 0


def _compared(before: Mapping[str, str], after: Mapping[str, str]) -> int:
    changed = differences(before, after)
    for what in changed:
        say(f"the second round changed: {what}")
    if not changed:
        say(f"the second round changed nothing: {len(after)} digests are the same")
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
