"""A Supabase that runs elsewhere: nothing of it is the harness's own."""

from contextlib import contextmanager
from secrets import token_hex

from pytest_deploy.providers.postgres.databases import create_database
from pytest_deploy.providers.supabase import lite
from pytest_deploy.workspace import Workspace


@contextmanager
def running(server):
    """Run one by itself, on a database of its own."""
    workspace, name = Workspace.create(f"stage-{token_hex(4)}"), f"stage-{token_hex(4)}"
    try:
        with (
            create_database(server, name) as database,
            lite.serve(database, workspace.child("lite")) as project,
        ):
            yield project
    finally:
        workspace.close()
