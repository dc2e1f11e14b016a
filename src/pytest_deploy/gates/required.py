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
        The name of every test function of its files.
    """
    return frozenset(
        gate_name(node.name)
        for path in sorted((suites / phase).glob(f"{_PREFIX}*.py"))
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith(_PREFIX)
    )
