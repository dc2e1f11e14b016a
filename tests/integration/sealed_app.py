"""A small app in a repository of its own, rehearsed and deployed from the command line."""

import json
import os
import sqlite3
import subprocess
import sys

from pytest_deploy.engine import keys

CONFIGURATION = """
[app]
name = "ejemplo"
[source]
database = "app.db"
[env.production]
postgres_major = {major}
{env}
[seal]
trusted_keys = ["{public}"]
"""


class App:
    """An app in a repository of its own."""

    def __init__(self, folder, key):
        self.folder, self.key = folder, key
        self.variables = {}

    @classmethod
    def made(cls, folder, key):
        """Make one, with two rows."""
        app = cls(folder, key)
        folder.mkdir(parents=True, exist_ok=True)
        app.configure()
        app.write(
            "CREATE TABLE cosas (id INTEGER PRIMARY KEY, nombre TEXT NOT NULL);"
            "INSERT INTO cosas (nombre) VALUES ('una'), ('otra');"
        )
        (folder / ".gitignore").write_text("app.db\n.deploy/\n__pycache__/\n")
        app.git("init", "-q")
        app.commit()
        return app

    def write(self, script):
        """Do what the app does."""
        connection = sqlite3.connect(self.folder / "app.db")
        connection.executescript(script)
        connection.close()

    def configure(self, more="", major=18, env=""):
        public = keys.public_half(self.key)
        text = CONFIGURATION.format(public=public, major=major, env=env) + more
        (self.folder / "deploy.toml").write_text(text)

    def git(self, *arguments):
        author = ("-c", "user.name=a", "-c", "user.email=a@x")
        subprocess.run(["git", "-C", self.folder, *author, *arguments], check=True)

    def commit(self):
        self.git("add", ".")
        self.git("commit", "-qm", "as it is", "--allow-empty")

    def run(self, *command, key=None):
        environment = {
            **os.environ,
            **self.variables,
            **({keys.VARIABLE: key.reveal()} if key else {}),
        }
        return subprocess.run(
            [sys.executable, "-m", *command],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def phase(self, phase, *options, env="rehearsal", key=None):
        """Run a phase, and give its exit code and its report."""
        done = self.run(
            *("pytest", "--pyargs", "pytest_deploy.suites", "-m", phase, "-p", "no:cacheprovider"),
            *("--postgres=embedded", f"--env={env}", *options),
            key=key,
        )
        path = self.folder / ".deploy/latest/report.json"
        assert path.exists(), done.stdout + done.stderr
        return done.returncode, json.loads(path.read_text()), done.stdout + done.stderr

    def check(self, env="rehearsal"):
        """Ask whether the seal would be accepted."""
        return self.run("pytest_deploy", "seal", "check", f"--env={env}")

    def seal_of(self, env):
        return self.folder / f".deploy/seal-{env}.json"
