"""Writes the audit log of a run; whoever does something outside notes it here."""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pytest_deploy.audit.line import (
    CHECKPOINT,
    END,
    FIRST,
    FORMAT,
    Line,
    digest,
    signed_message,
)
from pytest_deploy.errors import EvidenceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NAME = "audit.jsonl"
_log: Log | None = None


class Log:
    """
    A JSONL file that is only added to; each line holds the hash of the one before it.

    Args:
        path: The file.
        run: The run's id.
        actor: Who runs it.
        env: The env.
        sign: Signs checkpoints; None where nobody has the key.

    Raises:
        EvidenceError: It is there already, or cannot be written.
    """

    def __init__(
        self,
        path: Path,
        run: str,
        *,
        actor: str,
        env: str,
        sign: Callable[[bytes], str] | None = None,
    ) -> None:
        self.run = run
        self.lines, self.head = 0, FIRST
        self._path, self._actor, self._env, self._sign = path, actor, env, sign
        self._step = self._release = ""
        self._lock = threading.Lock()
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        except OSError as error:
            raise _unwritable(path, error) from None
        self._file = os.fdopen(descriptor, "ab", buffering=0)

    def add(
        self,
        service: str,
        operation: str,
        object_: str,
        result: str,
        *,
        ms: int = 0,
        signed: bool = False,
    ) -> None:
        """
        Add a line.

        Args:
            service: See `Line`.
            operation: See `Line`.
            object_: See `Line`.
            result: See `Line`.
            ms: See `Line`.
            signed: Whether it is a checkpoint, which waits until all of it is on disk.

        Raises:
            EvidenceError: It cannot be written.
        """
        with self._lock:
            seq = self.lines + 1
            signs = signed and self._sign is not None
            message = signed_message(self.run, seq, self.head)
            line = Line(
                v=FORMAT,
                seq=seq,
                time=datetime.now(UTC).isoformat(timespec="milliseconds"),
                run=self.run,
                actor=self._actor,
                env=self._env,
                release=self._release,
                step=self._step,
                service=service,
                operation=operation,
                object=object_,
                result=result,
                ms=ms,
                signature=self._sign(message) if signs and self._sign else "",
                before=self.head,
            ).written()
            try:
                self._file.write(line + b"\n")
                if signed:
                    os.fsync(self._file.fileno())
            except OSError as error:
                raise _unwritable(self._path, error) from None
            self.lines, self.head = seq, digest(line)

    def checkpoint(self) -> None:
        """Say how far the log is, for good."""
        self.add("audit", CHECKPOINT, str(self.lines), self.head, signed=True)

    def end(self) -> None:
        """Say that nothing follows, and close it."""
        self.add("audit", END, str(self.lines), self.head, signed=True)
        self._file.close()

    @contextmanager
    def within(self, step: str, release: str) -> Iterator[None]:
        """
        Note, in the lines of the body, which step they belong to.

        Args:
            step: The step's name.
            release: The release as the target knows it.
        """
        before = self._step, self._release
        self._step, self._release = step, release
        try:
            yield
        finally:
            self._step, self._release = before


def begin(log: Log) -> None:
    """
    Let everything that is noted from now on go into a log.

    Args:
        log: The log; this process has one at a time.
    """
    global _log  # noqa: PLW0603 - as with logging: who calls a service knows nothing of the run
    _log = log


def end() -> None:
    """End the log of this process, where it has one."""
    global _log
    log, _log = _log, None
    if log is not None:
        log.end()


def current() -> Log | None:
    """
    Give the log of this process.

    Returns:
        The log; None outside of a run.
    """
    return _log


def note(service: str, operation: str, object_: str, result: str = "ok", *, ms: int = 0) -> None:
    """
    Note something that was done outside of this process.

    Args:
        service: See `Line`.
        operation: See `Line`.
        object_: See `Line`.
        result: See `Line`.
        ms: See `Line`.

    Raises:
        EvidenceError: The log cannot be written: what is not noted is not done.
    """
    if _log is not None:
        _log.add(service, operation, object_, result, ms=ms)


@contextmanager
def noted(service: str, operation: str, object_: str) -> Iterator[None]:
    """
    Note what the body does, with what came of it.

    Args:
        service: See `Line`.
        operation: See `Line`.
        object_: See `Line`.
    """
    began = time.perf_counter()
    result = "ok"
    try:
        yield
    except BaseException as error:
        result = type(error).__name__
        raise
    finally:
        spent = round((time.perf_counter() - began) * 1000)
        note(service, operation, object_, result, ms=spent)


@contextmanager
def within(step: str, release: str) -> Iterator[None]:
    """
    Note, in the lines of the body, which step they belong to.

    Args:
        step: The step's name.
        release: The release as the target knows it.
    """
    if _log is None:
        yield
        return
    with _log.within(step, release):
        yield


def checkpoint() -> None:
    """Say how far the log of this process is, where it has one."""
    if _log is not None:
        _log.checkpoint()


def _unwritable(path: Path, error: OSError) -> EvidenceError:
    return EvidenceError(
        f"audit log {path}",
        problem=f"expected a file that can be added to, seen: {error.strerror}",
        where="--evidence, default .deploy",
        remedy="give this account room and the right to write there; nothing is done unnoted",
    )
