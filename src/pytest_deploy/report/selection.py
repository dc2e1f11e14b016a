"""What a command line asks for: a whole phase, a part of one, or something else."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from pytest_deploy.engine.phases import PHASES, SUITES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def is_selection(argument: str, folder: Path) -> bool:
    """
    Tell whether an argument of pytest names less than a phase.

    Args:
        argument: A path, a node id or the dotted name of a package.
        folder: What relative paths are relative to.

    Returns:
        Whether it is a node id, a file, or something below the folder of a phase.
    """
    if "::" in argument:
        return True
    path = folder / argument
    if not path.exists():  # --pyargs: a package
        return _is_below_phase(argument.split("."))
    return path.is_file() or _is_below_phase(path.resolve().parts)


def suites_named(arguments: Iterable[str], folder: Path, *, pyargs: bool) -> tuple[str, ...]:
    """
    Give what a command line names suites by, for who types it again.

    Args:
        arguments: The paths and packages of a command line.
        folder: What relative paths are relative to.
        pyargs: Whether packages go by their dotted names.

    Returns:
        Arguments of pytest; none where they name less than whole phases.
    """
    named = tuple(arguments)
    if not named or any(is_selection(argument, folder) for argument in named):
        return ()
    return ("--pyargs", *named) if pyargs else named


def _is_below_phase(parts: Iterable[str]) -> bool:
    names = list(parts)
    return any(
        above == SUITES and name in PHASES and position + 2 < len(names)
        for position, (above, name) in enumerate(pairwise(names))
    )


def names_phase(expression: str) -> bool:
    """
    Tell whether a marker expression speaks of a phase.

    Args:
        expression: What `-m` says.

    Returns:
        Whether one of its words is a phase.
    """
    words = expression.replace("(", " ").replace(")", " ").split()
    return not set(PHASES).isdisjoint(words)


def asks_for_suites(argument: str, folder: Path) -> bool:
    """
    Tell whether an argument of pytest leads to suites.

    Args:
        argument: A path, a node id or the dotted name of a package.
        folder: What relative paths are relative to.

    Returns:
        Whether it is a folder of suites, lies below one, or has one directly inside.
    """
    plain = argument.split("::", maxsplit=1)[0]
    path = folder / plain
    if not path.exists():
        return SUITES in plain.split(".")
    return SUITES in path.resolve().parts or (path / SUITES).is_dir()


def with_values_joined(typed: list[str], options: frozenset[str]) -> list[str]:
    """
    Write options and their values as one argument each.

    Args:
        typed: A command line.
        options: Those that take a value.

    Returns:
        `--source=FILE` for `--source`, `FILE`; all else as it was.
    """
    joined: list[str] = []
    arguments = iter(typed)
    for argument in arguments:
        value = next(arguments, None) if argument in options else None
        joined.append(argument if value is None else f"{argument}={value}")
    return joined
