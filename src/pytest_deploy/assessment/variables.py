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
        needed: Whether this env needs it: what only another env names is looked up there.
    """

    name: str
    state: str
    named_in: tuple[str, ...]
    needed: bool = True


@dataclass(frozen=True)
class _Places:
    """
    Where names are, and values to compare.

    Args:
        references: The places of deploy.toml that refer to a name.
        examples: Names of files that say what is needed, by file.
        given: Names and values of files that give it, by file.
        own: The one of those that the env has to itself.
        environ: The environment of this process.
    """

    references: Mapping[str, tuple[str, ...]]
    examples: Mapping[str, Mapping[str, str]]
    given: Mapping[str, Mapping[str, str]]
    own: str
    environ: Mapping[str, str]

    @property
    def names(self) -> list[str]:
        files = (*self.examples.values(), *self.given.values())
        return sorted({*self.references, *(name for file in files for name in file)})

    def variable(self, name: str, env: str) -> Variable:
        files = [at for at, file in {**self.examples, **self.given}.items() if name in file]
        references = self.references.get(name, ())
        needed = bool(files) or not all(_is_elsewhere(place, env) for place in references)
        return Variable(name, self._state(name), (*references, *files), needed)

    def _state(self, name: str) -> str:
        here = self.environ.get(name)
        values = {file[name] for file in self.given.values() if name in file}
        if not self._is_there(name, bool(here), bool(values)):
            return MISSING
        return DIFFERENT if len(values | ({here} if here else set())) > 1 else PRESENT

    def _is_there(self, name: str, here: bool, in_files: bool) -> bool:
        """What deploy.toml refers to is taken from this process, and from no file."""
        if name in self.references:
            return here
        own = self.given[self.own]
        return name in own if own else here or in_files


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
    own = f".env.{env}"
    places = _Places(
        dict(_references(configuration)),
        {name: _names(folder / name) for name in _EXAMPLES},
        {name: _names(folder / name) for name in (".env", ".env.local", own)},
        own,
        environ,
    )
    return tuple(places.variable(name, env) for name in places.names)


def _is_elsewhere(place: str, env: str) -> bool:
    _, _, key = place.partition(", ")
    return key.startswith("env.") and not key.startswith(f"env.{env}.")


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
