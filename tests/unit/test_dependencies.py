"""What a deployment depends on, and how each was found out."""

from types import SimpleNamespace

import pytest

from pytest_deploy.assessment.dependencies import PACKAGES, dependencies
from pytest_deploy.assessment.environment import Environment, Look

REHEARSAL = Environment("rehearsal", Look.REHEARSAL)
EMBEDDED = SimpleNamespace(kind="embedded", version="18.6", reason="no Docker daemon answers")


def named(found):
    return {one.name: one for one in found}


def test_services_tools_and_packages_have_versions(tmp_path):
    """And say how that is known."""
    found = dependencies(EMBEDDED, REHEARSAL, tmp_path)
    by_name = named(found)
    assert by_name["Postgres of the rehearsal (embedded)"].state == "reached"
    assert (by_name["Docker"].state, by_name["Docker"].found_by) == ("not used", EMBEDDED.reason)
    assert by_name["pytest"].version == pytest.__version__
    assert [one.name for one in found if one.kind == "package"] == list(PACKAGES)
    assert all(one.found_by for one in found)


@pytest.mark.parametrize(
    ("look", "state"),
    [
        (Look.COMPARED, "reached"),
        (Look.UNREACHABLE, "unreachable"),
        (Look.NOT_CONFIGURED, "not configured"),
    ],
)
def test_the_target_is_a_dependency(tmp_path, look, state):
    """Whether it was reached or not."""
    environment = Environment("production", look, "nothing answers there")
    assert (
        named(dependencies(EMBEDDED, environment, tmp_path))["Postgres of production"].state
        == state
    )


def test_without_a_server_nobody_looked(tmp_path):
    """A rehearsal that ended before it had one says so."""
    found = named(dependencies(None, REHEARSAL, tmp_path))
    assert found["Postgres of the rehearsal"].state == "not looked at"


def test_tools_of_supabase_are_asked_for_where_it_is_in_use(tmp_path, monkeypatch):
    """And a tool that is not there is missing."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert named(dependencies(None, REHEARSAL, tmp_path))["Supabase CLI"].state == "not used"
    (tmp_path / "supabase").mkdir()
    (tmp_path / "supabase/config.toml").touch()
    found = named(dependencies(None, REHEARSAL, tmp_path))
    assert (found["Supabase CLI"].state, found["git"].state) == ("missing", "missing")


def test_a_tool_that_does_not_run_is_no_tool(tmp_path, monkeypatch):
    """Its exit code counts, not that a file is there."""
    broken = tmp_path / "git"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert named(dependencies(None, REHEARSAL, tmp_path))["git"].state == "unreachable"
