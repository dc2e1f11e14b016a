"""Finds every line of an audit log that was changed, dropped, put in or put elsewhere."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_deploy.audit.line import END, FIRST, FORMAT, Line, digest, signed_message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Signed = Callable[[str, bytes], bool]


@dataclass(frozen=True)
class Mirrored:
    """
    What a target knows of the log of a run.

    Args:
        lines: How many lines it had then.
        head: The hash of the last of them.
    """

    lines: int
    head: str


@dataclass(frozen=True)
class Verified:
    """
    What came of the look at a log.

    Args:
        lines: Those that could be read.
        checkpoints: How many of them say how far it was.
        signed: How many of these are signed by a key that is trusted.
        problems: What is wrong, with the number of the line; empty where it is whole.
    """

    lines: tuple[Line, ...]
    checkpoints: int
    signed: int
    problems: tuple[str, ...]


def verify(
    content: bytes,
    *,
    signed: Signed | None = None,
    mirrored: Sequence[Mirrored] = (),
    must_end: bool = True,
    told_by: str = "the target",
) -> Verified:
    """
    Look through a log.

    Args:
        content: The file.
        signed: Tells whether a signature is one of a trusted key; None where none is trusted.
        mirrored: What the target knows of it.
        must_end: Whether it must say that nothing follows; not while its run goes on.
        told_by: Who knows what is in `mirrored`, in words.

    Returns:
        What was found.
    """
    *whole, torn = content.split(b"\n")
    problems: list[str] = [] if whole else ["it is empty"]
    read: dict[int, Line] = {}
    for number, raw in enumerate(whole, 1):
        line = _read(raw)
        if line is None:
            problems.append(f"line {number}: it is no line of an audit log")
        else:
            read[number] = line
    problems += _chain(whole, read)
    if torn:
        problems.append(f"line {len(whole) + 1}: it was cut off in its middle")
    checkpoints = [line for line in read.values() if line.is_checkpoint]
    unsigned = list(_unsigned(read, signed))
    problems += unsigned
    problems += _not_as_mirrored(whole, mirrored, told_by)
    if must_end and (not read or max(read) != len(whole) or read[len(whole)].operation != END):
        problems.append(
            f"line {len(whole)}: nothing says that the log ends here; its run was killed, or lines"
            " were cut off"
        )
    trusted = 0 if signed is None else len(checkpoints) - len(unsigned)
    return Verified(tuple(read.values()), len(checkpoints), trusted, tuple(problems))


def _read(raw: bytes) -> Line | None:
    try:
        told = json.loads(raw)
        line = Line(**told)
    except (ValueError, TypeError):
        return None
    # Other bytes that mean the same were not written by us either.
    return line if line.v <= FORMAT and line.written() == raw else None


def _chain(whole: Sequence[bytes], read: dict[int, Line]) -> Iterator[str]:
    before, expected = FIRST, 1
    for number, raw in enumerate(whole, 1):
        line = read.get(number)
        if line is None:
            expected, before = expected + 1, digest(raw)
            continue
        if line.seq > expected:
            missing = f"{expected}" if line.seq == expected + 1 else f"{expected}-{line.seq - 1}"
            yield f"line {number}: it is number {line.seq}; {missing} is missing before it"
        elif line.seq < expected:
            yield f"line {number}: it is number {line.seq}, and stands out of its place"
        elif line.before != before:
            yield f"line {max(number - 1, 1)}: it is not the one that was written there"
        if number < len(whole) and line.operation == END and line.is_checkpoint:
            yield f"line {number + 1}: it was added after the end"
        expected, before = max(expected, line.seq) + 1, digest(raw)


def _unsigned(read: dict[int, Line], signed: Signed | None) -> Iterator[str]:
    if signed is None:
        return
    for number, line in read.items():
        if not line.is_checkpoint:
            continue
        if not line.signature:
            yield f"line {number}: the checkpoint is not signed"
        elif not signed(line.signature, signed_message(line.run, line.seq, line.before)):
            yield f"line {number}: no trusted key has signed this checkpoint"


def _not_as_mirrored(
    whole: Sequence[bytes], mirrored: Sequence[Mirrored], told_by: str
) -> Iterator[str]:
    for one in mirrored:
        if len(whole) < one.lines:
            yield (
                f"line {len(whole)}: the log ends here, and had {one.lines} lines,"
                f" as {told_by} knows"
            )
        elif digest(whole[one.lines - 1]) != one.head:
            yield f"line {one.lines}: it is not the one that {told_by} knows"
