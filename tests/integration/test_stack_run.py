"""A Supabase for as long as a command runs: it is told where, and nothing is left."""

import signal
import subprocess
import sys
import time

import httpx
import pytest

CONFIGURATION = """
[app]
name = "ejemplo"
[source]
database = "app.db"
[env.stage]
url = "env:STAGE_URL"
publishable_key = "env:STAGE_KEY"
secret_key = "env:STAGE_SECRET"
database = "env:STAGE_DATABASE"
[env.hosted]
url = "https://x.supabase.co"
"""
ASKS = """
import os, httpx, psycopg
url, key = os.environ["STAGE_URL"], os.environ["STAGE_SECRET"]
assert httpx.get(f"{url}/rest/v1/", headers={"apikey": key}).status_code == 200
with psycopg.connect(os.environ["STAGE_DATABASE"]) as connection:
    connection.execute("SELECT 1 FROM auth.users")
raise SystemExit(7)
"""
PATIENCE_S = 120


@pytest.fixture
def folder(tmp_path):
    """Where the command is typed."""
    (tmp_path / "deploy.toml").write_text(CONFIGURATION)
    return tmp_path


def command(*call, env="stage"):
    """Write the command line."""
    run = (sys.executable, "-m", "pytest_deploy", "stack", "run", "--postgres=embedded")
    return [*run, "--env", env, "--", *call]


def called(folder, *call, env="stage"):
    """Run it; give exit code and what it says."""
    done = subprocess.run(
        command(*call, env=env),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_command_finds_it_and_gives_its_exit_code(folder):
    """By the variables that the env names."""
    code, said = called(folder, sys.executable, "-c", ASKS)
    assert code == 7, said
    assert "local Supabase: http://127.0.0.1:" in said


def test_an_env_that_names_no_variables_is_refused(folder):
    """Before anything is started."""
    code, said = called(folder, "true", env="hosted")
    assert code == 1
    assert "expected url to name a variable, seen a value" in said
    code, said = called(folder, "true", env="nowhere")
    assert (code, "[env.nowhere]" in said) == (1, True)


def test_what_cannot_be_started_is_named(folder):
    """And the Supabase goes."""
    code, said = called(folder, "/nonexistent/program")
    assert code == 1
    assert "command '/nonexistent/program'" in said


def test_sigterm_ends_command_and_supabase(folder):
    """As CI does it."""
    (folder / "waits.py").write_text(
        "import os, time\nprint(os.environ['STAGE_URL'], flush=True)\ntime.sleep(100)\n"
    )
    running = subprocess.Popen(
        command(sys.executable, "waits.py"), cwd=folder, stdout=subprocess.PIPE, text=True
    )
    running.stdout.readline()
    url = running.stdout.readline().strip()
    running.send_signal(signal.SIGTERM)
    assert running.wait(PATIENCE_S) == 128 + signal.SIGTERM
    running.stdout.close()
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            httpx.get(url)
        except httpx.TransportError:
            return
    pytest.fail("it still answers")
