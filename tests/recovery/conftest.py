"""A whole app with its project, behind lines that may fail."""

from contextlib import ExitStack
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest

from pytest_deploy.engine import keys
from pytest_deploy.providers.postgres import embedded
from pytest_deploy.providers.supabase.roles import api_roles
from pytest_deploy.workspace import Workspace
from tests.recovery.standing import drop_what_is_kept_of_undone, standing
from tests.recovery.whole_app import WholeApp, bound, running
from tests.recovery.wire import Wire


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """
    The app, rehearsed for its project; how that stands at first, and once it is deployed.

    Each test leaves the project as it was at first.
    """
    workspace = Workspace.create("recovery")
    with ExitStack() as stack:
        stack.callback(workspace.close)
        server = stack.enter_context(embedded.serve(workspace, reason="tests"))
        stack.enter_context(api_roles(server))
        project = stack.enter_context(running(server))
        database = stack.enter_context(Wire(server.host, server.port))
        http = stack.enter_context(Wire("127.0.0.1", urlsplit(project.url).port))
        app = WholeApp.made(tmp_path_factory.mktemp("whole") / "app", keys.new_key())
        bound(app, project, database.port, http.port)
        code, said = app.rehearsed()
        assert code == 0, said
        first = standing(project, app)
        code, said = app.deployed()
        assert code == 0, said
        deployed = standing(project, app)
        code, said = app.undone()
        assert code == 0, said
        assert drop_what_is_kept_of_undone(project)
        yield SimpleNamespace(
            app=app, project=project, database=database, http=http, first=first, deployed=deployed
        )
