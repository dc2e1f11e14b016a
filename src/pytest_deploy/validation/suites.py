"""Reads the app's data rules: one suite for each table, in Great Expectations' own JSON."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SQL_RULE = "unexpected_rows_expectation"
_OF_COLUMNS = ("column", "column_A", "column_B")
_BOUNDS = frozenset({"least", "most"})
_OURS = frozenset({"table", "allow_empty", "volume"})
# What GX writes; a word of a rule's kwargs beside them would be passed over.
_OF_A_RULE = frozenset(
    {"type", "kwargs", "meta", "description", "severity", "id", "notes", "rendered_content"}
    | {"expectation_context", "windows", "ge_cloud_id"}
)


@dataclass(frozen=True)
class Rule:
    """
    One expectation.

    Args:
        type: Its name in GX.
        kwargs: What it asks, as GX takes it.
        meta: What the file says beside it.
        description: What it promises, in words of the app; empty where nobody wrote any.
        severity: As GX takes it; every rule that is broken closes the gate.
    """

    type: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""
    severity: str = "critical"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it reads, by their names in Postgres."""
        if self.type == "expect_column_to_exist":
            return ()
        named = [self.kwargs[key] for key in _OF_COLUMNS if isinstance(self.kwargs.get(key), str)]
        listed = self.kwargs.get("column_list", ())
        return (*named, *(name for name in listed if isinstance(name, str)))

    @property
    def allow_empty(self) -> bool:
        """Whether it may hold over nothing."""
        return self.meta.get("allow_empty") is True

    @property
    def sentence(self) -> str:
        """What it promises, as a person reads it."""
        if self.description:
            return self.description
        asked = self.type.removeprefix("expect_").replace("_", " ")
        return f"{', '.join(self.columns)}: {asked}" if self.columns else asked


@dataclass(frozen=True)
class Volume:
    """
    How many rows a table has, measured by the source's.

    Args:
        least: The fewest, as a share of the source's rows.
        most: The most, likewise.
    """

    least: float = 0.0
    most: float = float("inf")


@dataclass(frozen=True)
class Suite:
    """
    The rules of one table.

    Args:
        path: The file.
        table: The table: `meta.table`, else the file's name.
        rules: In the file's order.
        allow_empty: Whether the table may be empty.
        volume: The bounds of its rows; None where the file names none.
        problem: Why the file cannot be used; empty where it can.
    """

    path: Path
    table: str
    rules: tuple[Rule, ...] = ()
    allow_empty: bool = False
    volume: Volume | None = None
    problem: str = ""


class _UnusableError(Exception):
    """The file is no suite."""


def suites_of(folder: Path | None, *, asked: bool) -> tuple[Suite, ...]:
    """
    Read the suites of an app.

    Args:
        folder: Where they are or would be; None where the app has no place for them.
        asked: Whether somebody said that they are there.

    Returns:
        None where nobody asked for any; where they should be there and are not, one that says so.
    """
    if folder is None or not (asked or folder.is_dir()):
        return ()
    problem = "expected suites, *.json, in this folder; seen none"
    return read_suites(folder) or (Suite(folder, folder.name, problem=problem),)


def read_suites(folder: Path) -> tuple[Suite, ...]:
    """
    Read every suite of a folder.

    Args:
        folder: Holds `*.json`, one suite each.

    Returns:
        The suites by file name; one that cannot be used, or that nobody would look for, says why.
    """
    read = sorted(folder.glob("*.json"))
    problem = "expected directly in the folder, as NAME.json; seen elsewhere: nobody reads it"
    return (
        *map(_read, read),
        *(Suite(path, path.stem, problem=problem) for path in _astray(folder) if path not in read),
    )


def _astray(folder: Path) -> list[Path]:
    found = [path for path in folder.rglob("*") if path.suffix.lower() == ".json"]
    return sorted(p for p in found if not any(n[:1] == "." for n in p.relative_to(folder).parts))


def _read(path: Path) -> Suite:
    try:
        text = path.read_text("utf-8-sig")
        return _suite(path, json.loads(text, object_pairs_hook=_once))
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        problem = "expected UTF-8, seen other bytes"
    except json.JSONDecodeError as error:
        problem = f"expected JSON, seen something else at line {error.lineno}: {error.msg}"
    except _UnusableError as error:
        problem = str(error)
    return Suite(path, path.stem, problem=problem)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that stands twice: of two lists of rules the first would be gone."""
    told = dict(pairs)
    if len(told) < len(pairs):
        twice = next(key for n, (key, _) in enumerate(pairs) if key in dict(pairs[:n]))
        raise _UnusableError(f"expected each key once, seen {twice!r} twice")
    return told


def _suite(path: Path, told: object) -> Suite:
    if not isinstance(told, dict) or not isinstance(told.get("expectations"), list):
        raise _UnusableError("expected an object with a list `expectations`, seen something else")
    meta = told.get("meta") or {}
    if not isinstance(meta, dict):
        raise _UnusableError("meta: expected an object, seen something else")
    _look_for_ours(told, meta)
    table, allowed = meta.get("table", path.stem), meta.get("allow_empty", False)
    if not isinstance(table, str) or not table:
        raise _UnusableError("meta.table: expected the name of a table, seen something else")
    if not isinstance(allowed, bool):
        raise _UnusableError("meta.allow_empty: expected true or false, seen something else")
    rules = tuple(_rule(n, one) for n, one in enumerate(told["expectations"], 1))
    return Suite(path, table, rules, allowed, _volume(meta.get("volume")))


def _look_for_ours(told: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
    """Refuse what is misplaced or misspelt: GX passes over it, and so would we."""
    if misplaced := sorted(_OURS & told.keys()):
        raise _UnusableError(f"{misplaced[0]}: expected inside meta, seen beside it")
    for key in meta.keys() - _OURS:
        if close := difflib.get_close_matches(key, _OURS, n=1, cutoff=0.8):
            raise _UnusableError(f"meta.{key}: not known; did you mean meta.{close[0]}?")


def _rule(number: int, told: object) -> Rule:
    if not isinstance(told, dict) or not isinstance(told.get("type"), str):
        raise _UnusableError(f"expectation {number}: expected an object with `type`, seen none")
    if unknown := sorted(told.keys() - _OF_A_RULE):
        raise _UnusableError(f"expectation {number}: {unknown[0]}: not known; put it in kwargs")
    kwargs, meta = told.get("kwargs") or {}, told.get("meta") or {}
    if not isinstance(kwargs, dict) or not isinstance(meta, dict):
        raise _UnusableError(f"expectation {number}: expected objects as kwargs and meta")
    described = told.get("description") or meta.get("description") or ""
    severity = told.get("severity") or "critical"
    return Rule(told["type"], kwargs, meta, str(described), str(severity))


def _volume(told: object) -> Volume | None:
    if told is None:
        return None
    wrong = "meta.volume: expected shares of the source's rows, such as"
    if not isinstance(told, dict) or not told or not told.keys() <= _BOUNDS:
        raise _UnusableError(f'{wrong} {{"least": 0.9, "most": 2}}, seen something else')
    numbers = [n for n in told.values() if isinstance(n, int | float) and not isinstance(n, bool)]
    volume = Volume(**told) if len(numbers) == len(told) else Volume(least=-1)
    if not 0 <= volume.least <= volume.most or volume == Volume():
        raise _UnusableError(f'{wrong} {{"least": 0.9, "most": 2}}, seen other bounds')
    return volume
