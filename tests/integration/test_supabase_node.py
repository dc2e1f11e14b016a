"""The local Supabase runs on the right Node, and ends when it is ended."""

import os
import signal
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

import pytest

from pytest_deploy.errors import TargetError
from pytest_deploy.providers.postgres.databases import create_database
from pytest_deploy.providers.supabase import lite, packages
from pytest_deploy.providers.supabase.roles import api_roles
from pytest_deploy.workspace import Workspace


def processes_in(folder):
    """List the processes that work in a folder, also one that was removed."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):
            if str(entry.readlink()).startswith(str(folder)):
                found.append(int(entry.parent.name))
    return found


def test_nothing_runs_on_when_it_is_ended(server):
    """Neither the service nor what started it."""
    workspace = Workspace.create(f"node-{token_hex(4)}")
    folder = workspace.child("lite")
    left = []
    try:
        with api_roles(server), create_database(server, f"node-{token_hex(4)}") as database:
            with lite.serve(database, folder):
                assert processes_in(folder)
            left = processes_in(folder)
            assert left == []
    finally:
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        workspace.close()


@pytest.mark.parametrize(("said", "seen"), [("v20.20.2", "20.20.2"), ("nothing", "nothing")])
def test_a_node_that_is_too_old_is_refused(tmp_path, monkeypatch, said, seen):
    """With Node 20, files come out of Storage without a byte."""
    node = tmp_path / "node"
    node.write_text(f"#!/bin/sh\necho {said}\n")
    node.chmod(0o755)
    monkeypatch.setattr(packages, "_of_the_wheel", lambda: (str(tmp_path),))
    with pytest.raises(TargetError) as caught:
        packages.node()
    assert f"expected Node 24 or later for the local Supabase, seen {seen}" in caught.value.problem


def test_packages_are_installed_where_none_are(tmp_path, monkeypatch):
    """A machine that nobody has prepared: Node and npm of the wheel, and an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "/nonexistent")
    assert (packages.installed() / "@supabase" / "lite" / "dist" / "cli" / "index.js").exists()
