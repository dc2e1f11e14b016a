"""
Deploys one time after the other, and then with a fault each: `python -m tests.recovery.endurance`.

After each of them nothing is lost, doubled or left: rows, objects, users, schemas, connections, the
lease, processes and temporary files. The figures are printed.
"""

import argparse
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.recovery.cases import every
from tests.recovery.stage import staged
from tests.recovery.standing import drop_what_is_kept_of_undone, unlike

_DYING_S = 10


def endure(stage, *, deployments, faults, seed, say=print):
    """Do it; give the seconds of each deployment that nothing went wrong with."""
    chance, spent = random.Random(seed), []
    before = _around(stage.app.folder)
    for number in range(1, deployments + 1):
        began = time.monotonic()
        code, said = stage.app.deployed()
        spent.append(time.monotonic() - began)
        assert code == 0, said
        assert unlike(stage.deployed, stage.standing()) == []
        assert len(stage.undone()) == 1
        assert unlike(stage.first, stage.standing()) == []
        say(f"deployment {number} of {deployments}: {spent[-1]:.1f} s, and back")
    cases = tuple(every())
    for number in range(1, faults + 1):
        case = chance.choice(cases)
        if case.begun == "undo":
            code, said = stage.app.deployed()
            assert code == 0, said
        stage.app.judge("red" if case.begun == "red" else "")
        stage.killed(case)
        stage.app.judge("")
        code, said = stage.app.deployed()
        assert code == 0, said
        drop_what_is_kept_of_undone(stage.project)
        assert unlike(stage.deployed, stage.standing()) == []
        stage.undone()
        assert unlike(stage.first, stage.standing()) == []
        say(f"fault {number} of {faults}: {case}, gone on with, and back")
    _nothing_is_left(stage, before)
    return spent


def _nothing_is_left(stage, before):
    deadline = time.monotonic() + _DYING_S
    while time.monotonic() < deadline and (stage.sessions() or _around(stage.app.folder) != before):
        time.sleep(0.2)
    assert stage.sessions() == 0
    assert _around(stage.app.folder) == before


def _around(folder):
    """Name the processes that work in the app's folder, and temporary files beside it."""
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    processes = sorted(line for line in listed.stdout.splitlines() if str(folder) in line)
    return processes, sorted(path.name for path in folder.glob(".*.????????"))


def main():
    """Print the figures; the exit code is 1 where something was lost, doubled or left."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deployments", type=int, default=5)
    parser.add_argument("--faults", type=int, default=3)
    parser.add_argument("--seed", default="1")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, staged(Path(folder) / "app") as stage:
        spent = endure(stage, deployments=asked.deployments, faults=asked.faults, seed=asked.seed)
    longest = max(spent)
    print(
        f"{len(spent)} deployments: median {statistics.median(spent):.1f} s, longest {longest:.1f} s"
    )
    print(f"{asked.faults} faults, seed {asked.seed}: nothing lost, doubled or left")
    return 0


if __name__ == "__main__":
    sys.exit(main())
