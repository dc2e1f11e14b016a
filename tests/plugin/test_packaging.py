"""Wheel and editable install carry the engine, the suites and the folders beside it."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import pytest_deploy
from pytest_deploy import suites
from pytest_deploy.gates.required import required_gates

ROOT = Path(__file__).parents[2]
GATES = len(required_gates(Path(suites.__file__).parent, "predeploy"))
BESIDE = ("suites", "fixtures", "expectations", "loadtests", "runbooks")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from the checkout as it stands."""
    folder = tmp_path_factory.mktemp("wheel")
    command = ("-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet")
    copied = folder / "source"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            target = copied / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    subprocess.run([sys.executable, *command, "-w", str(folder), str(copied)], check=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_has_everything_that_the_checkout_has(wheel):
    """Each module, each gate, each runbook, and the data that is read at run time."""
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    source = ROOT / "src" / "pytest_deploy"
    wanted = {f"pytest_deploy/{path.relative_to(source)}" for path in source.rglob("*.py")}
    for folder in BESIDE:
        files = [*(ROOT / folder).rglob("*.py"), *(ROOT / folder).rglob("*.md")]
        wanted |= {f"pytest_deploy/{path.relative_to(ROOT)}" for path in files}
    templates = source / "report" / "templates"
    wanted |= {f"pytest_deploy/{path.relative_to(source)}" for path in templates.iterdir()}
    wanted |= {"pytest_deploy/py.typed", "pytest_deploy/report/schema.json"}
    wanted |= {"pytest_deploy/report/plan.schema.json"}
    assert wanted - packed == set()
    assert not {name for name in packed if name.startswith(("suites/", "fixtures/", "tests/"))}


def test_the_installed_wheel_lists_the_gates(wheel, tmp_path):
    """Another repository runs `pytest --pyargs pytest_deploy.suites`."""
    site = tmp_path / "site"
    install = ("-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site))
    subprocess.run([sys.executable, *install, str(wheel)], check=True)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "--pyargs", "pytest_deploy.suites"),
            *("-m", "predeploy", "--collect-only", "-q", "--source=app.db"),
            *("-p", "no:cacheprovider", "-p", "pytest_deploy.plugin"),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{GATES} tests collected" in done.stdout
    where = subprocess.run(
        [sys.executable, "-c", "import pytest_deploy.suites as s; print(s.__file__)"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert where.stdout.startswith(str(site))


def test_the_checkout_is_installed_as_it_stands():
    """An editable install finds the folders beside the package by the same names."""
    assert Path(pytest_deploy.__file__).is_relative_to(ROOT / "src")
    assert Path(suites.__file__).parent == ROOT / "suites"
