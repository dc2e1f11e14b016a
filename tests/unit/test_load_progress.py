"""A load test says how far it is; and Locust stays out of the process that asks for it."""

import io
import subprocess
import sys

import pytest

from pytest_deploy.errors import ConfigError
from pytest_deploy.load.progress import Lines, bar, said

ERASED = "\x1b[1A\x1b[2K"
TOLD = {"spent_s": 12.0, "users": 20, "requests": 1234, "errors": 1}


def test_a_line_every_ten_seconds():
    """And none in a test that is over sooner."""
    now, lines = [0.0], []
    shown = Lines("browse", 60.0, lines.append, lambda: now[0])
    for now[0] in (1.0, 9.9):
        shown.look(TOLD)
    assert lines == []
    for now[0] in (12.0, 13.0):
        shown.look(TOLD)
    assert lines == ["deploy: load browse, 0:12 of 1:00, 20 users, 1,234 requests, 1 errors"]


def test_before_users_come_the_workers_are_counted():
    """Somebody who waits sees for whom."""
    assert said({}) == "begins"
    assert said({"port": 5557, "connected": 1}) == "1 workers have come"


class Terminal(io.StringIO):
    """What is drawn, kept."""

    def isatty(self):
        return True


def test_a_bar_on_a_terminal(monkeypatch):
    """It draws, with what the test told last, and goes away."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    terminal = Terminal()
    with bar("browse", 60.0, terminal) as look:
        look({})
        look(TOLD)
    shown = terminal.getvalue()
    assert "deploy: load browse" in shown
    assert said(TOLD) in shown
    assert shown.endswith(ERASED)


def test_locust_is_not_imported_here():
    """It would change every socket and thread of the process."""
    code = (
        "import sys, pytest_deploy.load.trial, pytest_deploy.gates.load, pytest_deploy.cli.load;"
        "sys.exit(' '.join(n for n in ('locust', 'gevent', 'psycopg') if n in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""


def test_workers_without_a_load_are_refused(tmp_path):
    """An option that does nothing would be taken for one that did."""
    from argparse import Namespace

    from pytest_deploy.report.opening import open_session

    (tmp_path / "deploy.toml").write_text('[app]\nname = "a"\n[source]\ndatabase = "a.db"\n')
    option = Namespace(
        source=None,
        deploy_config=None,
        env="rehearsal",
        postgres=None,
        evidence=".deploy",
        schema_lock=None,
        seal=None,
        load_workers=2,
        load_expect=0,
        load_bind=None,
    )
    with pytest.raises(ConfigError) as caught:
        open_session(option, tmp_path, tmp_path)
    assert "[gates.load]" in caught.value.where
