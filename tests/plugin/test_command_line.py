"""Options, configuration, and command lines that are refused in four parts."""

import sqlite3
from pathlib import Path

import pytest
from projects import CONFIGURATION, GREEN

from pytest_deploy import suites
from pytest_deploy.gates.required import required_gates

GATES = len(required_gates(Path(suites.__file__).parent, "predeploy"))


def test_without_configuration_the_plugin_is_inert(pytester):
    """Nothing of ours is printed, loaded or written."""
    pytester.makepyfile("def test_nothing(request): assert 'deploy' not in request.fixturenames")
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*deploy:*")
    result.stdout.no_fnmatch_line("*deployment*")
    assert "rows_copied" not in pytester.runpytest_subprocess("--fixtures").stdout.str()
    assert not (pytester.path / ".deploy").exists()


def test_a_phase_without_configuration_is_refused(pytester):
    """The refusal says what to write or to type."""
    result = pytester.runpytest_subprocess("-m", "predeploy")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*no deploy.toml*", "*write a deploy.toml, or name a database*"])


def test_a_source_with_a_space_keeps_the_root(pytester, tmp_path_factory):
    """pytest would take FILE for a test, and look for its root beside it."""
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "app.db"
    connection = sqlite3.connect(elsewhere)
    connection.execute("CREATE TABLE t (a)")
    connection.close()
    arguments = ("--pyargs", "pytest_deploy.suites", "-m", "predeploy", "--collect-only")
    result = pytester.runpytest_subprocess(*arguments, "--source", str(elsewhere))
    assert result.ret == 0
    result.stdout.fnmatch_lines([f"rootdir: {pytester.path}", f"*{GATES} tests collected*"])
    assert [path.name for path in elsewhere.parent.iterdir()] == ["app.db"]


def test_help_lists_the_options_together(pytester):
    """The group is ours, the words are the user's."""
    result = pytester.runpytest_subprocess("--help")
    result.stdout.fnmatch_lines(
        ["deployments (pytest-deploy):", "*--env=NAME*", "*--source=FILE.db*", "*--evidence=DIR*"]
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--env", "produccion"), "*env 'produccion'*"),
        (("--deploy-config", "nada.toml"), "*cannot be read: No such file*"),
        (("--postgres", "mysql://x"), "*--postgres*"),
        (("--postgres", "env:NOT_SET_ANYWHERE"), "*environment variable 'NOT_SET_ANYWHERE'*"),
        (("--evidence", "deploy.toml/below"), "*evidence folder*"),
        (("--evidence", ""), "*expected a value, seen an empty one*"),
        (("--source", ""), "*expected a value, seen an empty one*"),
        (("--schema-lock", "nada.lock"), "*--schema-lock nada.lock*"),
    ],
)
def test_bad_options_are_refused_before_anything(project, arguments, said):
    """Exit code 4, four parts, no traceback."""
    project.gates("nightly", a=GREEN)
    result = project.run("-m", "nightly", *arguments)
    assert result.ret == 4
    text = result.stderr.str()
    result.stderr.fnmatch_lines([said])
    assert "configured in" in text
    assert "Traceback" not in text
    assert not (project.path / ".deploy").exists()


def test_a_misspelt_key_is_refused_with_the_right_one(project):
    """The nearest known key is suggested."""
    project.configure(CONFIGURATION + "[rehersal]\nworkers = 1\n")
    project.gates("nightly", a=GREEN)
    result = project.run("-m", "nightly")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*rehersal: unknown key*did you mean 'rehearsal'?"])


def test_the_header_says_env_source_target_and_release(project):
    """Once it is known that gates will run."""
    project.gates("nightly", a=GREEN)
    result = project.run("-m", "nightly", "--postgres", "embedded")
    result.stdout.fnmatch_lines(
        [
            "deploy: env rehearsal, release *",
            "deploy: source *no-se-usa.db",
            "deploy: target embedded Postgres (asked for with --postgres)",
        ]
    )


def test_collecting_imports_nothing_heavy(project):
    """`pytest --collect-only` must not pay for what only a rehearsal needs."""
    heavy = ("great_expectations", "locust.env", "supabase", "docker", "testcontainers", "jinja2")
    project.write(
        "conftest.py",
        f"""
        import sys
        def pytest_collection_finish(session):
            loaded = [n for n in {(*heavy, "sqlglot", "sqlalchemy", "psycopg")!r} if n in sys.modules]
            print("LOADED", loaded)
        """,
    )
    result = project.run(
        "--pyargs", "pytest_deploy.suites", "-m", "predeploy", "--collect-only", "-q", "-s"
    )
    result.stdout.fnmatch_lines(["*LOADED []*"])
