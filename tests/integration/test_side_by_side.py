"""Runs of pytest side by side: each tells how it ended, and none outlives its time."""

import os
import subprocess

from pytest_deploy.twins.side_by_side import Run, carry_out

QUICK = "def test_it():\n    print('as always')\n    assert {}\n"
ENDLESS = "import time\n\ndef test_it():\n    time.sleep(3600)\n"


def run_of(folder, name, text, *, apart=False):
    """Write a test, and say how to run it."""
    path = folder / f"test_{name}.py"
    path.write_text(text)
    arguments = ("-pno:cacheprovider", "-s", str(path))
    return Run(name, arguments, folder / f"{name}.txt", apart=apart)


def test_each_run_tells_how_it_ended(tmp_path):
    """Exit codes, and what was printed, in files of their own."""
    runs = [run_of(tmp_path, "good", QUICK.format(1)), run_of(tmp_path, "bad", QUICK.format(0))]
    ended = {one.run.name: one for one in carry_out(runs, tmp_path, os.environ, 600)}
    assert {name: one.code for name, one in ended.items()} == {"good": 0, "bad": 1}
    assert all(one.in_time and one.seconds > 0 for one in ended.values())
    assert "as always" in (tmp_path / "good.txt").read_text()
    assert "1 failed" in (tmp_path / "bad.txt").read_text()


def test_a_run_whose_time_is_up_is_stopped(tmp_path):
    """The others go on: one that hangs is no reason to wait for ever."""
    runs = [run_of(tmp_path, "endless", ENDLESS), run_of(tmp_path, "good", QUICK.format(1))]
    ended = {one.run.name: one for one in carry_out(runs, tmp_path, os.environ, 15)}
    assert not ended["endless"].in_time
    assert ended["good"].code == 0


def test_what_measures_goes_on_apart(tmp_path):
    """Nothing that does not measure goes on beside it, and it comes last."""
    measured = [run_of(tmp_path, f"m{n}", QUICK.format(1), apart=True) for n in range(2)]
    runs = [measured[0], run_of(tmp_path, "good", QUICK.format(1)), measured[1]]
    order = [one.run.name for one in carry_out(runs, tmp_path, os.environ, 600)]
    assert order[0] == "good"


def test_when_nobody_asks_any_more_all_are_stopped(tmp_path):
    """Closing is enough: no process is left."""
    runs = [run_of(tmp_path, "good", QUICK.format(1)), run_of(tmp_path, "endless", ENDLESS)]
    asked = carry_out(runs, tmp_path, os.environ, 600)
    assert next(asked).run.name == "good"
    asked.close()
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert "pytest_deploy.twins.nursery" not in listed.stdout or not [
        line for line in listed.stdout.splitlines() if str(tmp_path) in line
    ]
