"""The seal: what a green rehearsal proved, signed, so that nothing else is deployed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pytest_deploy.config import REHEARSAL
from pytest_deploy.engine import keys
from pytest_deploy.errors import EvidenceError
from pytest_deploy.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pytest_deploy.secrets import Secret

FORMAT = 1
SEAL = "seal.json"
_DOMAIN = b"pytest-deploy seal 1\n"  # a signature of ours can never be taken for another one
_CLOCKS_DIFFER = timedelta(minutes=5)


@dataclass(frozen=True)
class Grounds:
    """
    What a verdict rests on: when one of them is another one, it has to be earned again.

    Args:
        app: The app.
        env: The target that was rehearsed for.
        commit: The commit, in hex; empty where git knows of none.
        clean: Whether the working tree was as committed.
        inputs: SHA-256 of each file that decides: configuration, schema.lock, expectations, load.
        accepted: Each finding that was settled, or blocks: code, object and remedy.
        versions: Of the package, its gates and Postgres.
        required: The gates that have to be green when it is deployed, as `phase:gate`.
    """

    app: str
    env: str
    commit: str
    clean: bool
    inputs: Mapping[str, str]
    accepted: tuple[str, ...]
    versions: Mapping[str, str]
    required: tuple[str, ...]


@dataclass(frozen=True)
class Seal:
    """
    A green rehearsal.

    Args:
        grounds: What it rests on.
        rows: How few and how many rows each table may have when it is deployed.
        release: The release's id.
        sealed_at: When, in UTC, in ISO 8601.
        format: Of this record.
    """

    grounds: Grounds
    rows: Mapping[str, tuple[int, int]]
    release: str
    sealed_at: str
    format: int = FORMAT

    def message(self) -> bytes:
        """Write what is signed: the same bytes for the same seal."""
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return _DOMAIN + text.encode("ascii")


@dataclass(frozen=True)
class SealFile:
    """
    A seal as it was found.

    Args:
        path: Where it is or would be.
        seal: What it says; None where there is none, or it cannot be read.
        key: The public half of the key that signed it.
        holds: Whether the signature is that key's.
        problem: Why it cannot be read; empty where it can.
    """

    path: Path
    seal: Seal | None = None
    key: str = ""
    holds: bool = False
    problem: str = ""


def bounds(rows: Mapping[str, int], growth: float, spare: int) -> dict[str, tuple[int, int]]:
    """
    Say how many rows tables may have by the time of the deployment: a live app writes on.

    Args:
        rows: Rows by table, when it was rehearsed.
        growth: How many times as many, or as few.
        spare: Rows more or less that never matter.

    Returns:
        The fewest and the most, by table.
    """
    return {
        name: (_fewest(n, growth, spare), max(int(n * growth), n + spare))
        for name, n in sorted(rows.items())
    }


def _fewest(rows: int, growth: float, spare: int) -> int:
    """However many may be missing: a table with rows that has none is another table."""
    return max(min(rows, 1), min(int(rows / growth), rows - spare))


def write_seal(path: Path, seal: Seal, key: Secret) -> str:
    """
    Sign a seal and write it, whole or not at all.

    Args:
        path: The file.
        seal: What is sealed.
        key: The private half of the key.

    Returns:
        The public half.

    Raises:
        ConfigError: It is no key.
        EvidenceError: The file cannot be written.
    """
    public = keys.public_half(key)
    told = {"seal": asdict(seal), "key": public, "signature": keys.sign(key, seal.message())}
    try:
        write_whole(path, json.dumps(told, indent=2) + "\n")
    except OSError as error:
        raise EvidenceError(
            f"seal {path}",
            problem=f"cannot be written: {error.strerror}",
            where="--evidence",
            remedy="free disk space or name another folder, and rehearse again",
        ) from None
    return public


def read_seal(path: Path) -> SealFile:
    """
    Read a seal, and check its signature.

    Args:
        path: The file.

    Returns:
        What was found; never an error, since a gate has to say it.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        seal = _seal(told["seal"])
        key, signature = str(told["key"]), str(told["signature"])
    except FileNotFoundError:
        return SealFile(path, problem="there is none")
    except OSError as error:
        return SealFile(path, problem=f"it cannot be read: {error.strerror}")
    # Numbers without end and lists without bottom among them.
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return SealFile(path, problem=f"it is no seal of format {FORMAT}")
    return SealFile(path, seal, key, holds=keys.is_signed(key, signature, seal.message()))


def _seal(told: dict[str, Any]) -> Seal:
    if told["format"] != FORMAT or set(told) != {one.name for one in fields(Seal)}:
        raise ValueError
    grounds = dict(told["grounds"])
    for name in ("accepted", "required"):
        grounds[name] = tuple(map(str, grounds[name]))
    rows = {str(name): (int(few), int(many)) for name, (few, many) in told["rows"].items()}
    datetime.fromisoformat(told["sealed_at"]).astimezone(UTC)
    return Seal(Grounds(**grounds), rows, str(told["release"]), str(told["sealed_at"]))


def refusals(
    seal: Seal, now: Grounds, rows: Mapping[str, int] | None, *, oldest: timedelta, at: datetime
) -> Iterator[str]:
    """
    Say why a seal does not count for what is about to be deployed.

    Args:
        seal: The seal.
        now: What the deployment rests on.
        rows: Rows of each table now; None where they are not looked at.
        oldest: How old a seal may be.
        at: The time now, with a zone.

    Yields:
        One reason each.
    """
    age = at - datetime.fromisoformat(seal.sealed_at).astimezone(UTC)
    if age > oldest:
        yield f"stale: sealed {_hours(age)} ago, at most {_hours(oldest)} are allowed"
    if age < -_CLOCKS_DIFFER:
        yield f"from the future: sealed {_hours(-age)} ahead of this machine's clock"
    yield from _foreign(seal.grounds, now)
    if rows is not None:
        yield from _another_volume(seal.rows, rows)


def _foreign(then: Grounds, now: Grounds) -> Iterator[str]:
    for name in ("app", "env", "commit"):
        seen, expected = getattr(then, name), getattr(now, name)
        if seen != expected:
            yield f"foreign: rehearsed for {name} {seen or 'unknown'}, here is {expected or 'none'}"
    for side, grounds in (("rehearsed from", then), ("this is", now)):
        if not grounds.clean and now.env != REHEARSAL:  # there one may try what is not committed
            yield f"dirty: {side} a working tree with changes that are in no commit"
    for kind, before, after in (
        ("file", then.inputs, now.inputs),
        ("version of", then.versions, now.versions),
    ):
        for name in sorted(before.keys() | after.keys()):
            if before.get(name) != after.get(name):
                yield f"changed since: {kind} {name}"
    for finding in sorted(set(now.accepted) - set(then.accepted)):
        yield f"not rehearsed: finding {finding}"
    for gate in sorted(set(then.required) - set(now.required)):
        yield f"missing: gate {gate} was required, and is not there"


def _another_volume(
    allowed: Mapping[str, tuple[int, int]], rows: Mapping[str, int]
) -> Iterator[str]:
    for name in sorted(allowed.keys() | rows.keys()):
        if name not in allowed or name not in rows:
            yield f"table {name}: {'not rehearsed' if name in rows else 'no longer there'}"
        elif not allowed[name][0] <= rows[name] <= allowed[name][1]:
            few, many = allowed[name]
            yield f"table {name}: {rows[name]:,} rows, rehearsed for {few:,} to {many:,}"


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:,.1f} hours"
