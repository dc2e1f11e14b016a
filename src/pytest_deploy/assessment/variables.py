"""Environment variables that the configuration and the app name: there, missing or different."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PRESENT, MISSING, DIFFERENT = "present", "missing", "different"
_EXAMPLES = (".env.example", ".env.sample", ".env.template")
_REFERENCE = "env:"
# Capitals only: a line of a key in base64 must never pass for a name.
_LINE = re.compile(r"(?:export[ \t]+)?([A-Z][A-Z0-9_]{0,62})[ \t]*=[ \t]*(.*)")
_LARGEST_BYTES = 1_000_000


@dataclass(frozen=True)
class Variable:
    """
    One variable; its value is neither kept nor told, in no form.

    Args:
        name: Its name.
        state: `present`, `missing`, or `different` where two places give it different values.
        named_in: The places that name it.
    """

    name: str
    state: str
    named_in: tuple[str, ...]


def variables(
    configuration: Path | None, folder: Path, env: str, environ: Mapping[str, str]
) -> tuple[Variable, ...]:
    """
    Compare what is named with what is there.

    Args:
        configuration: `deploy.toml`; None without one.
        folder: Where the app keeps its `.env` files.
        env: The env: its own file is `.env.NAME`.
        environ: The environment of this process.

    Returns:
        One for each name, in the order of names.
    """
    examples = {name: _names(folder / name) for name in _EXAMPLES}
    given = {name: _names(folder / name) for name in (".env", ".env.local", f".env.{env}")}
    own = given[f".env.{env}"]
    references = dict(_references(configuration))
    found = {
        *references,
        *(name for file in (*examples.values(), *given.values()) for name in file),
    }
    return tuple(
        _variable(name, references.get(name, ()), examples, given, environ, own or None)
        for name in sorted(found)
    )


def _variable(
    name: str,
    references: tuple[str, ...],
    examples: Mapping[str, Mapping[str, str]],
    given: Mapping[str, Mapping[str, str]],
    environ: Mapping[str, str],
    own: Mapping[str, str] | None,
) -> Variable:
    values = {file[name] for file in given.values() if name in file}
    # What deploy.toml refers to is taken from this process, and from no file.
    values |= {environ[name]} if environ.get(name) else set()
    there = bool(environ.get(name)) if references else bool(values) and name in (own or [name])
    places = (*references, *(n for n, file in {**examples, **given}.items() if name in file))
    state = MISSING if not there else DIFFERENT if len(values) > 1 else PRESENT
    return Variable(name, state, places)


def _references(configuration: Path | None) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Find every `env:NAME` of a configuration, wherever it stands."""
    if configuration is None:
        return
    found: dict[str, list[str]] = {}
    told = tomllib.loads(configuration.read_text(encoding="utf-8-sig"))
    for place, text in _texts(told, ()):
        if text.startswith(_REFERENCE):
            name = text.removeprefix(_REFERENCE)
            found.setdefault(name, []).append(f"{configuration.name}, {'.'.join(place)}")
    yield from ((name, tuple(places)) for name, places in found.items())


def _texts(value: object, place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _texts(inner, (*place, str(name)))
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, place)


def _names(path: Path) -> dict[str, str]:
    """Read the names that a file sets, with their values, which stay in this module."""
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST_BYTES:
            return {}
        lines = iter(path.read_text(encoding="utf-8", errors="replace").splitlines())
    except OSError:
        return {}
    found: dict[str, str] = {}
    for line in lines:
        matched = _LINE.fullmatch(line.strip())
        if matched:
            name, value = matched.groups()
            found[name] = _whole(value, lines)
    return found


def _whole(value: str, lines: Iterator[str]) -> str:
    """Go on to the closing quote: what is between are lines of a value, and no names."""
    quote = value[:1]
    if quote not in ("'", '"', "`") or not quote:
        return value.partition(" #")[0].strip()
    text = value[1:]
    while quote not in text:
        following = next(lines, None)
        if following is None:
            break
        text += "\n" + following
    return text.partition(quote)[0]
