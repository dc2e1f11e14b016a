"""One line of an audit log: what was done, and the line before it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

FORMAT = 1
FIRST = "0" * 64  # what the first line has before it
CHECKPOINT, END = "checkpoint", "end"
_PURPOSE = "pytest-deploy audit checkpoint 1"


@dataclass(frozen=True)
class Line:
    """
    One line.

    Args:
        v: The format's version.
        seq: Counts from 1 without gaps.
        time: When, in UTC, ISO 8601.
        run: The run's id.
        actor: Who ran it.
        env: The env.
        release: The release as the target knows it; empty where none was opened yet.
        step: The step that asked for it; empty between steps.
        service: `database`, `storage`, `auth`, `rest`, `command`, `journal`, or `audit` itself.
        operation: What was done: a method, a verb, a state.
        object: To what; never with a row, a name of a file or an address in it.
        result: What came of it: a status, `ok`, the type of an error.
        ms: How long it took; 0 where that was not measured.
        signature: Of a checkpoint, in base64; empty where nobody signs.
        before: The SHA-256 of the line before this one, in hex.
    """

    v: int
    seq: int
    time: str
    run: str
    actor: str
    env: str
    release: str
    step: str
    service: str
    operation: str
    object: str
    result: str
    ms: int
    signature: str
    before: str

    @property
    def is_checkpoint(self) -> bool:
        """Whether it says how far the log was."""
        return self.service == "audit" and self.operation in (CHECKPOINT, END)

    def written(self) -> bytes:
        """Write it, the same line always with the same bytes, without its end."""
        return json.dumps(asdict(self), ensure_ascii=True, separators=(",", ":")).encode()


def digest(line: bytes) -> str:
    """
    Hash a line.

    Args:
        line: Its bytes, without the end.

    Returns:
        Its SHA-256, in hex.
    """
    return hashlib.sha256(line).hexdigest()


def signed_message(run: str, seq: int, before: str) -> bytes:
    """
    Write what the signature of a checkpoint is made of; it can be taken for no seal.

    Args:
        run: The run's id.
        seq: The number of the checkpoint.
        before: The hash of the line before it.

    Returns:
        The message.
    """
    return f"{_PURPOSE}\n{run}\n{seq}\n{before}\n".encode()


def shortened(key: str) -> str:
    """
    Name an object without its name: names of files tell of people.

    Args:
        key: What it is called.

    Returns:
        Sixteen digits of its SHA-256.
    """
    return hashlib.sha256(key.encode()).hexdigest()[:16]
