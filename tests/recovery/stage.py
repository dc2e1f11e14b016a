"""A whole app and its project, behind lines that may fail; how both stand at first, and deployed."""

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from secrets import token_hex
from typing import Any
from urllib.parse import urlsplit

import pytest

from pytest_deploy.engine import keys
from pytest_deploy.providers.postgres import embedded
from pytest_deploy.providers.postgres.base import APPLICATION
from pytest_deploy.providers.supabase.roles import api_roles
from pytest_deploy.workspace import Workspace
from tests.integration.elsewhere import running
from tests.recovery.standing import drop_what_is_kept_of_undone, standing
from tests.recovery.whole_app import WholeApp, bound, killing
from tests.recovery.wire import At, Wire

PATIENCE_S = 240
_SESSIONS = """
SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND datname = current_database()
"""


@dataclass
class Stage:
    """
    What tests of recovery share; each of them leaves it as it was at first.

    Args:
        app: The app, rehearsed for its project.
        project: The project.
        database: The line to its database.
        http: The line to its services.
        first: How it stands before any release.
        deployed: How it stands after one that nothing went wrong with.
        late: Processes that have to be ended last of all.
    """

    app: WholeApp
    project: Any
    database: Wire
    http: Wire
    first: dict
    deployed: dict
    late: list

    def standing(self):
        """Look at everything now."""
        return standing(self.project, self.app)

    def killed(self, case):
        """Begin what a case says, and kill it where it says."""
        wire = self.http if case.on_http else self.database
        command = self.app.release_undo() if case.begun == "undo" else self.app.deployment()
        process = self.app.begun(*command)
        with wire.faulty(At(killing(process), *case.moments)) as fault:
            said, _ = process.communicate(timeout=PATIENCE_S)
        assert fault.over.is_set(), f"the moment never came:\n{said}"
        assert process.returncode == -9

    def undone(self):
        """Take the way back; of a release that is over, or never was, there is none."""
        code, said = self.app.undone()
        assert code == 0 or "there is no release that could be undone" in said, said
        return drop_what_is_kept_of_undone(self.project)

    def sessions(self):
        """Count the sessions of runs on the project's database."""
        with self.project.database.connect(application_name="tests") as connection:
            return connection.execute(_SESSIONS, (APPLICATION,)).fetchone()[0]


@contextmanager
def staged(folder):
    """Set it up, on a server of its own that is as durable as one that is meant to last."""
    workspace, late = Workspace.create(f"recovery-{token_hex(4)}"), []
    with ExitStack() as stack:
        stack.callback(workspace.close)
        stack.callback(lambda: [process.kill() or process.wait() for process in late])
        patched = stack.enter_context(pytest.MonkeyPatch.context())
        patched.setattr(embedded, "_UNSAFE_AND_FAST", {})
        server = stack.enter_context(embedded.serve(workspace, reason="tests"))
        stack.enter_context(api_roles(server))
        project = stack.enter_context(running(server))
        database = stack.enter_context(Wire(server.host, server.port))
        http = stack.enter_context(Wire("127.0.0.1", urlsplit(project.url).port))
        app = WholeApp.made(folder, keys.new_key())
        bound(app, project, database.port, http.port)
        code, said = app.rehearsed()
        assert code == 0, said
        stage = Stage(app, project, database, http, standing(project, app), {}, late)
        code, said = app.deployed()
        assert code == 0, said
        stage.deployed = stage.standing()
        assert stage.undone()
        yield stage
