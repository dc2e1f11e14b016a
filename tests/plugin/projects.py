"""Small projects for the plugin: configuration, suites of example gates, a way to run them."""

import json
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_deploy import suites
from pytest_deploy.gates.required import required_gates

CONFIGURATION = """
[app]
name = "ejemplo"
[source]
database = "no-se-usa.db"
"""
GREEN = "gate.judge(Verdict(examined=3, unit='cosas'))"
# What the phase `nightly` requires, by name.
REQUIRED = dict.fromkeys(sorted(required_gates(Path(suites.__file__).parent, "nightly")), GREEN)


@dataclass
class Project:
    """
    A project in a folder of its own.

    Args:
        pytester: Runs pytest there, in a process of its own.
    """

    pytester: pytest.Pytester

    @property
    def path(self) -> Path:
        return self.pytester.path

    def configure(self, text=CONFIGURATION):
        (self.path / "deploy.toml").write_text(text)

    def gates(self, phase, folder="suites", file="test_gates.py", **bodies):
        """Write a suite: one gate for each keyword, with its body."""
        suite = self.path / folder / phase
        suite.mkdir(parents=True, exist_ok=True)
        lines = ["import pytest", "from pytest_deploy.gates.verdict import Verdict", ""]
        for name, body in bodies.items():
            decorated = body.startswith("@")
            mark, _, rest = body.partition("\n") if decorated else ("", "", body)
            lines += [mark, f"def test_{name}(gate):", textwrap.indent(rest, "    "), ""]
        (suite / file).write_text("\n".join(lines))

    def required(self, phase):
        """Write a green gate for each one that the package's own suite has: without them nothing is green."""
        own = required_gates(Path(suites.__file__).parent, phase)
        self.gates(phase, file="test_required.py", **dict.fromkeys(sorted(own), GREEN))

    def write(self, path, text):
        target = self.path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(textwrap.dedent(text))

    def run(self, *arguments):
        return self.pytester.runpytest_subprocess("-p", "no:cacheprovider", *arguments)

    def report(self):
        return json.loads((self.path / ".deploy/latest/report.json").read_text())
