"""What a seal rests on: every file that decides, wherever it lies and whatever git ignores."""

import pytest

from pytest_deploy.config import load
from pytest_deploy.report.grounds import grounds_of

FILES = (
    "deploy.toml",
    "schema.lock",
    "expectations/cosas.json",
    "loadtests/browse.py",
    "loadtests/common/words.py",
    "loadtests/common/words.csv",
    "conftest.py",
    "suites/predeploy/test_own.py",
    "policies.sql",
    "../rules/other.json",
)


@pytest.fixture
def app(tmp_path):
    """An app with journeys that import and read what lies beside them."""
    folder = tmp_path / "app"
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}")
    (folder / "deploy.toml").write_text(
        '[app]\nname = "a"\n[source]\ndatabase = "a.db"\n[access]\npolicies = "policies.sql"\n'
        "[gates.load]\nusers = 1\n"
    )
    return folder


def inputs(folder, **more):
    settings = load(folder / "deploy.toml")
    return dict(grounds_of(settings, "rehearsal", folder, postgres=18, **more).inputs)


@pytest.mark.parametrize("name", FILES[1:-1])
def test_every_file_that_decides_counts(app, name):
    """Also one that a journey imports, and the app's own suites."""
    before = inputs(app)
    (app / name).write_text("[]")
    assert {n for n, _ in before.items() ^ inputs(app).items()} == {name}


def test_another_frozen_plan_is_another_ground(app):
    """`--schema-lock` names what was gone by, and not what lies beside deploy.toml."""
    other = app / "other.lock"
    other.write_text("other")
    found = inputs(app, schema_lock=other)
    assert "other.lock" in found
    assert "schema.lock" not in found


def test_two_files_elsewhere_are_two(app):
    """Of the same name, in folders outside the app's: neither hides the other."""
    for folder in ("rules", "more"):
        (app.parent / folder).mkdir(exist_ok=True)
        (app.parent / folder / "x.py").write_text(folder)
    text = (app / "deploy.toml").read_text()
    (app / "deploy.toml").write_text(text + 'folder = "../more"\n')
    queries = '[behaviour]\nqueries = "../rules/x.py"\n'
    (app / "deploy.toml").write_text((app / "deploy.toml").read_text() + queries)
    assert {"../more/x.py", "../rules/x.py"} <= inputs(app).keys()
