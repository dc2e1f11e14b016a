"""The append-only record of step states: the truth after a crash."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from pytest_deploy.audit.log import note
from pytest_deploy.errors import EvidenceError

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_deploy.engine.step import Result

FORMAT = 1


class State(StrEnum):
    """What has happened to a step."""

    STARTED = "started"
    APPLIED = "applied"
    FAILED = "failed"
    COMPENSATING = "compensating"
    COMPENSATED = "compensated"
    RETAINED = "retained"
    APPROVED = "approved"
    UNCHANGED = "unchanged"
    COMPLETED = "completed"


IN_FORCE = frozenset({State.APPLIED, State.RETAINED, State.UNCHANGED, State.COMPLETED})


@dataclass(frozen=True)
class Entry:
    """
    One line of the journal.

    Args:
        v: The format's version.
        seq: Counts from 1 without gaps.
        time: When, in UTC, ISO 8601.
        release: The release's id.
        step: The step's name.
        state: What happened.
        result: What `apply` returned, or who approved; None for other states.
    """

    v: int
    seq: int
    time: str
    release: str
    step: str
    state: str
    result: Result | None = None


class Journal:
    """
    A JSONL file: each line is on disk before the next thing happens.

    Args:
        path: The file; made when the first line is written.
        release: The release's id.

    Raises:
        EvidenceError: An existing file is damaged, or of a later version.
    """

    def __init__(self, path: Path, release: str) -> None:
        self._path = path
        self.release = release
        self._entries, self.torn = _read(path)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All lines, oldest first."""
        return tuple(self._entries)

    def write(self, step: str, state: State, result: Result | None = None) -> None:
        """
        Add a line, and wait until it is on disk.

        Args:
            step: The step's name.
            state: What happened.
            result: What `apply` returned, or who approved.

        Raises:
            EvidenceError: The file cannot be written.
        """
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        seq = len(self._entries) + 1
        entry = Entry(FORMAT, seq, now, self.release, step, state.value, result)
        try:
            self._drop_torn_tail()
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(entry), ensure_ascii=False) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise _unusable(self._path, f"cannot be written: {error.strerror}") from None
        self._entries.append(entry)
        note("journal", state.value, step)

    def state_of(self, step: str) -> State | None:
        """
        Give the last state of a step.

        Args:
            step: Its name.

        Returns:
            The state; None where the journal does not know the step.
        """
        found = [entry.state for entry in self._entries if entry.step == step]
        return State(found[-1]) if found else None

    def result_of(self, step: str) -> Result:
        """
        Give what a step returned when it was last applied.

        Args:
            step: Its name.

        Returns:
            Its result; empty where it had none.
        """
        for entry in reversed(self._entries):
            if entry.step == step and entry.state == State.APPLIED:
                return entry.result or {}
        return {}

    def _drop_torn_tail(self) -> None:
        if not self.torn:
            return
        whole = self._path.read_bytes()
        with self._path.open("r+b") as file:
            file.truncate(whole.rfind(b"\n") + 1)
        self.torn = False


def _read(path: Path) -> tuple[list[Entry], bool]:
    """Read all whole lines; a last line without its end is what a crash leaves behind."""
    try:
        text = path.read_bytes().decode(errors="replace")
    except FileNotFoundError:
        return [], False
    except OSError as error:
        raise _unusable(path, f"cannot be read: {error.strerror}") from None
    *lines, tail = text.split("\n")
    return [_entry(path, number, line) for number, line in enumerate(lines, 1)], bool(tail)


def _entry(path: Path, number: int, line: str) -> Entry:
    try:
        told = json.loads(line)
        version = told["v"]
        if version > FORMAT:
            raise _unusable(
                path, f"line {number} is of format {version}, this release reads {FORMAT}"
            )
        entry = Entry(**told)
        State(entry.state)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise _unusable(path, f"line {number} is not a line of a journal") from None
    if entry.seq != number:
        raise _unusable(
            path, f"line {number} has number {entry.seq}: lines are missing or too many"
        )
    return entry


def _unusable(path: Path, problem: str) -> EvidenceError:
    return EvidenceError(
        f"journal {path}",
        problem=problem,
        where="--evidence",
        remedy="keep the file for whoever looks into it, and start a new release",
    )
