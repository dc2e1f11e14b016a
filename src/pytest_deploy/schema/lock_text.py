"""`schema.lock` as text: written in one order, read strictly, compared object by object."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from pydantic import BaseModel, ValidationError

from pytest_deploy.config.lines import dotted, quoted
from pytest_deploy.errors import LockError
from pytest_deploy.schema.lock import FORMAT, SchemaLock
from pytest_deploy.schema.written import written

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pytest_deploy.schema.lock import LockedTable

RENEW = "python -m pytest_deploy schema lock"
Label: TypeAlias = tuple[str, ...]  # as parts: names may hold dots
Fact: TypeAlias = BaseModel | dict[str, str]
_SHOWN_DIFFERENCES = 20
_HEADER = f"""\
# What the deployment makes in Postgres, decided from the data once and reviewed: types, names,
# remedies. Commit it beside deploy.toml. Written by: {RENEW}
# Tables and columns stand under their names in the source; `name` is another one in Postgres.
"""
_OF_TABLES = {
    "columns": "column",
    "uniques": "unique",
    "indexes": "index",
    "foreign_keys": "foreign key",
    "checks": "check",
    "searches": "full-text column",
}
_PROGRAMS = {"routines": "function", "views": "view", "triggers": "trigger"}


@dataclass(frozen=True)
class LockFile:
    """
    A `schema.lock`, as it was found.

    Args:
        path: Where it is or would be; None where nothing is frozen.
        lock: What it says; None where there is none, or it cannot be read.
        problem: Why it cannot be read; empty where it can, or is not there.
    """

    path: Path | None
    lock: SchemaLock | None = None
    problem: str = ""


def lock_text(lock: SchemaLock) -> str:
    """
    Write a lock; the same text for the same lock.

    Args:
        lock: The lock.

    Returns:
        TOML: one line for each column, key, index and so on; sorted, but for columns.

    Source: https://toml.io/en/v1.0.0
    """
    lines = [_HEADER, f"format = {lock.format}", f"schema = {quoted(lock.schema_)}"]
    for name, table in sorted(lock.tables.items()):
        lines += _table_lines(name, table)
    for section in _PROGRAMS:
        lines += _section((section,), dict(sorted(getattr(lock, section).items())))
    for code, by_object in sorted(lock.remedies.items()):
        lines += _section(("remedies", code), dict(sorted(by_object.items())))
    return "\n".join(lines) + "\n"


def _table_lines(name: str, table: LockedTable) -> Iterator[str]:
    yield from ("", f"[{dotted(('tables', name))}]")
    for field in ("name", "primary_key"):
        if (value := getattr(table, field)) is not None:
            yield f"{field} = {_inline(value)}"
    yield from _section(("tables", name, "columns"), table.columns)
    for section in _OF_TABLES:
        if section != "columns":
            entries = dict(sorted(getattr(table, section).items()))
            yield from _section(("tables", name, section), entries)


def _section(place: tuple[str, ...], entries: Mapping[str, object]) -> Iterator[str]:
    if entries:
        yield from ("", f"[{dotted(place)}]")
    for key, value in entries.items():
        yield f"{dotted((key,))} = {_inline(value)}"


def _inline(value: object) -> str:
    if isinstance(value, BaseModel):
        value = value.model_dump(exclude_defaults=True)
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_inline(held)}" for key, held in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_inline, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    # TOML takes text between single quotes as it is: SQL is easier to review so.
    plain = '"' in text and "'" not in text and text.isprintable()
    return f"'{text}'" if plain else quoted(text)


def find_lock(path: Path | None) -> LockFile:
    """
    Read a lock where there is one; what is wrong with it is kept for the gate to tell.

    Args:
        path: Where it would be; None where nothing is frozen.

    Returns:
        What was found.
    """
    if path is None or not path.exists():
        return LockFile(path)
    try:
        return LockFile(path, parse_lock(path.read_bytes().decode()))
    except OSError as error:
        return LockFile(path, problem=f"cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        return LockFile(path, problem="expected UTF-8, seen other bytes")
    except tomllib.TOMLDecodeError as error:
        return LockFile(path, problem=f"expected TOML, seen something else: {error}")
    except ValidationError as error:
        return LockFile(path, problem=_invalid(error))


def parse_lock(text: str) -> SchemaLock:
    """
    Read a lock.

    Args:
        text: What `lock_text` wrote.

    Returns:
        The lock.

    Raises:
        TOMLDecodeError: It is no TOML.
        ValidationError: It is no lock, or one of another format.
    """
    return SchemaLock.model_validate(tomllib.loads(text), by_alias=True, by_name=False)


def _invalid(error: ValidationError) -> str:
    found = [
        f"{dotted(map(str, each['loc']))}: {each['msg']}"
        for each in error.errors(include_url=False, include_input=False)
    ]
    return f"expected a lock of format {FORMAT}, seen another one: " + "; ".join(found[:3])


def write_lock(path: Path, lock: SchemaLock) -> bool:
    """
    Write a lock, so that nobody reads half of it.

    Args:
        path: The file.
        lock: What it is to say.

    Returns:
        Whether the file is another one now.

    Raises:
        LockError: It cannot be written.
    """
    where = "--schema-lock, default schema.lock beside deploy.toml"
    return written(path, lock_text(lock), subject=f"schema lock {path}", where=where)


def lock_differences(lock: SchemaLock, now: SchemaLock) -> tuple[str, ...]:
    """
    Say what a lock says and the source no longer gives, and the other way round.

    Args:
        lock: What was frozen.
        now: What would be frozen now.

    Returns:
        One sentence for each difference. A remedy that the rows no longer need is none: it settles
        nothing then, and where it changed the schema, that is a difference of its own.
    """
    if lock.tables and not lock.tables.keys() & now.tables.keys():
        return ("it is the lock of another database: none of its tables is here",)
    then, today = dict(_facts(lock)), dict(_facts(now))
    unused = unused_remedies(lock, now)
    found = [
        difference
        for label in sorted(then.keys() | today.keys())
        if label in today or label not in unused
        for difference in _difference(label, then.get(label), today.get(label))
    ]
    return (*found, *_reordered(lock, now))


def object_count(lock: SchemaLock) -> int:
    """
    Count what a lock freezes.

    Args:
        lock: The lock.

    Returns:
        Tables, columns, keys and so on, in all.
    """
    return sum(1 for _ in _facts(lock))


def _facts(lock: SchemaLock) -> Iterator[tuple[Label, Fact]]:
    yield ("schema",), {"name": lock.schema_}
    for name, table in lock.tables.items():
        yield ("table", name), {"name": table.name or name}
        if table.primary_key is not None:
            yield ("primary key of", name), table.primary_key
        for section, word in _OF_TABLES.items():
            for key, entry in getattr(table, section).items():
                yield (word, name, key), entry
    for section, word in _PROGRAMS.items():
        for key, entry in getattr(lock, section).items():
            yield (word, key), entry
    yield from _remedies(lock)


def _remedies(lock: SchemaLock) -> Iterator[tuple[Label, Fact]]:
    for code, by_object in lock.remedies.items():
        for name, remedy in by_object.items():
            yield ("remedy for", code, name), {"remedy": remedy}


def unused_remedies(lock: SchemaLock, now: SchemaLock) -> frozenset[Label]:
    """
    Name the remedies of a lock for which there is no finding any longer.

    Args:
        lock: What was frozen.
        now: What would be frozen now.

    Returns:
        The label of each: its code and object.
    """
    return frozenset(dict(_remedies(lock)).keys() - dict(_remedies(now)).keys())


def _difference(key: Label, then: Fact | None, today: Fact | None) -> Iterator[str]:
    label = f"{key[0]} {'.'.join(key[1:])}".strip()
    if then is None or today is None:
        then_said, today_said = ("nothing" if x is None else _inline(x) for x in (then, today))
        yield f"{label}: the lock says {then_said}, the source now gives {today_said}"
        return
    now = dict(today.items() if isinstance(today, dict) else today)
    for field, value in then.items() if isinstance(then, dict) else then:
        if value != now[field]:
            shown, shown_now = (
                "nothing" if x is None else f"{field} = {_inline(x)}" for x in (value, now[field])
            )
            yield f"{label}: the lock says {shown}, the source now gives {shown_now}"


def _reordered(lock: SchemaLock, now: SchemaLock) -> Iterator[str]:
    for name, table in lock.tables.items():
        there = now.tables.get(name)
        if there is None:
            continue
        then = [column for column in table.columns if column in there.columns]
        if then != [column for column in there.columns if column in table.columns]:
            yield f"table {name}: its columns stand in another order now"


def stale(file: LockFile, differences: tuple[str, ...]) -> LockError:
    """
    Say that a lock does not hold any longer.

    Args:
        file: The lock.
        differences: From `lock_differences`.

    Returns:
        The error to raise.
    """
    shown = list(differences[:_SHOWN_DIFFERENCES])
    if more := len(differences) - len(shown):
        shown.append(f"+{more:,} more")
    return LockError(
        f"schema lock {file.path}: {len(differences):,} differences",
        problem="\n  ".join(shown),
        where="schema.lock beside deploy.toml, or --schema-lock",
        remedy=f"review them, then renew it: {RENEW}; see runbooks/schema-lock.md",
    )
