"""What contract tests share."""

import uuid

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
