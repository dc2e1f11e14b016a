"""Which gates a phase requires: all that the package's own suite has."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_PREFIX = "test_"


def gate_name(function: str) -> str:
    """
    Name a gate.

    Args:
        function: The test's name, with its parameters where it has some.

    Returns:
        The name without `test_`.
    """
    return function.removeprefix(_PREFIX)


def required_gates(suites: Path, phase: str) -> frozenset[str]:
    """
    List the gates of a phase without importing or collecting them.

    Args:
        suites: The package's folder of suites.
        phase: The phase.

    Returns:
        The name of every test function of its files, also of those that they import.
    """
    return frozenset(
        gate_name(name)
        for path in sorted((suites / phase).glob(f"{_PREFIX}*.py"))
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        for name in _names(node)
        if name.startswith(_PREFIX)
    )


def _names(node: ast.stmt) -> tuple[str, ...]:
    if isinstance(node, ast.FunctionDef):
        return (node.name,)
    if isinstance(node, ast.ImportFrom):
        return tuple(alias.asname or alias.name for alias in node.names)
    return ()
