"""The journal is the truth after a crash: appended, on disk, readable by later releases."""

import json

import pytest

from pytest_deploy.engine.journal import FORMAT, Journal, State
from pytest_deploy.errors import EvidenceError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.jsonl"


def test_lines_are_numbered_versioned_and_read_back(path):
    """What one session wrote the next one reads."""
    journal = Journal(path, "r-1")
    journal.write("copy_rows", State.STARTED)
    journal.write("copy_rows", State.APPLIED, {"rows": 0})
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["v"], line["seq"], line["release"]) for line in lines] == [
        (FORMAT, 1, "r-1"),
        (FORMAT, 2, "r-1"),
    ]
    again = Journal(path, "r-1")
    assert again.state_of("copy_rows") is State.APPLIED
    assert again.result_of("copy_rows") == {"rows": 0}
    assert again.state_of("another") is None


def test_a_line_cut_off_by_a_crash_is_dropped(path):
    """The next line does not continue it."""
    Journal(path, "r-1").write("a", State.STARTED)
    with path.open("a") as file:
        file.write('{"v": 1, "seq": 2, "st')
    journal = Journal(path, "r-1")
    assert journal.torn
    journal.write("a", State.APPLIED, {})
    assert [entry.state for entry in Journal(path, "r-1").entries] == ["started", "applied"]


@pytest.mark.parametrize(
    "line",
    [
        "not json",
        '{"v": 1}',
        '{"v": 99, "seq": 1, "time": "", "release": "", "step": "a", "state": "started"}',
        '{"v": 1, "seq": 7, "time": "", "release": "", "step": "a", "state": "started"}',
        '{"v": 1, "seq": 1, "time": "", "release": "", "step": "a", "state": "flown"}',
    ],
)
def test_what_is_no_journal_is_refused(path, line):
    """Damage, a later format, missing lines: nobody guesses."""
    path.write_text(line + "\n")
    with pytest.raises(EvidenceError, match="journal"):
        Journal(path, "r-1")


def test_a_journal_that_cannot_be_written_stops_everything(tmp_path):
    """A target is never touched without a journal."""
    (tmp_path / "file").touch()
    with pytest.raises(EvidenceError):
        Journal(tmp_path / "file" / "journal.jsonl", "r-1").write("a", State.STARTED)
