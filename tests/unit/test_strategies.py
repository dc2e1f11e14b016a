"""One table says what follows from an error: in the code, in the docs, with a runbook."""

import subprocess
import sys
from pathlib import Path

import pytest

from pytest_deploy import errors
from pytest_deploy.engine.strategies import TABLE, Strategy, as_markdown, leaves_all, of_error

ROOT = Path(__file__).parents[2]


def kinds(kind=errors.DeployError):
    """All kinds of errors that the package has."""
    for one in kind.__subclasses__():
        yield one
        yield from kinds(one)


def test_every_error_of_ours_has_a_row():
    """A new one is thought about, or this fails."""
    for kind in kinds():
        if kind.__module__ == errors.__name__:
            said = kind("x", problem="x", where="x", remedy="x")
            assert of_error(said) is not None, kind
    assert of_error(ValueError()) is None


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.when[:40])
def test_its_runbook_is_there(row):
    """Whatever a person has to do something about."""
    assert row.runbook or row.strategy is Strategy.RETRY
    assert not row.runbook or (ROOT / "runbooks" / row.runbook).is_file()


def test_what_stops_for_a_person_undoes_nothing():
    """And the rest is undone."""
    lost = errors.LeaseLostError("x", problem="x", where="x", remedy="x")
    failed = errors.StepError("x", problem="x", where="x", remedy="x")
    assert (leaves_all(lost), leaves_all(failed), leaves_all(OSError())) == (True, False, False)


def test_the_docs_have_the_same_table():
    """Written by the code: `python -c "from pytest_deploy.engine.strategies import as_markdown"`."""
    assert as_markdown() in (ROOT / "docs/recovery.md").read_text(encoding="utf-8")
    called = [sys.executable, "-c", "import pytest_deploy.engine.strategies"]
    assert subprocess.run(called, check=False).returncode == 0
