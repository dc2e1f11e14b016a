"""What contract tests share."""

import uuid
from contextlib import ExitStack, nullcontext

import pytest

from pytest_deploy.providers.postgres import embedded
from pytest_deploy.providers.postgres.databases import create_database
from pytest_deploy.providers.supabase.base import Supabase
from pytest_deploy.secrets import Secret
from pytest_deploy.workspace import Workspace


@pytest.fixture(scope="module")
def project():
    """A project of which a step uses the address, the open key and the database."""
    workspace = Workspace.create(f"contract-{uuid.uuid4().hex}")
    try:
        with (
            embedded.serve(workspace, reason="tests") as server,
            create_database(server, uuid.uuid4().hex) as database,
        ):
            yield Supabase("https://p.example", Secret("sb_publishable_x"), Secret("no"), database)
    finally:
        workspace.close()


class Slow:
    """A server or target whose sessions end some time after they were closed, as a busy one's do."""

    def __init__(self, real, sessions):
        self._real, self._sessions = real, sessions

    def __getattr__(self, name):
        return getattr(self._real, name)

    def connect(self, *told, **more):
        return nullcontext(self._sessions.enter_context(self._real.connect(*told, **more)))


@pytest.fixture
def slowly():
    """Let sessions of a server or target end at the end of the test."""
    with ExitStack() as sessions:
        yield lambda real: Slow(real, sessions)
