"""What a red twin is: a defect, where it is planted, and the gate that must catch it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    Plant: TypeAlias = Callable[[pytest.FixtureRequest, Any], object]


class NotApplicable(Exception):  # noqa: N818 - it is no error: the source has no such place
    """
    The defect cannot be planted here.

    Args:
        reason: What the source or the run lacks; it is reported, so without values from the rows.
    """


@dataclass(frozen=True)
class RedTwin:
    """
    A defect that a gate must catch.

    Args:
        gate: The gate's name, without `test_`.
        after: The fixture after which the defect is planted.
        plant: Plants it; gets the request of that fixture, and what the fixture returned. Where
            there is no place for it, it raises `NotApplicable`.
        replaces: Whether what `plant` returns stands in for what the fixture returned.
        defect: What it is called, unlike any other twin.
        also: Further gates that must catch it.
    """

    gate: str
    after: str
    plant: Plant
    replaces: bool = False
    defect: str = ""
    also: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What it is called."""
        return self.defect or f"{self.gate} after {self.after}"

    @property
    def folder(self) -> str:
        """What the folder of its evidence is called."""
        return re.sub(r"[^\w.-]+", "-", self.name).strip("-.").lower() or "unnamed"

    @property
    def gates(self) -> tuple[str, ...]:
        """All gates that must catch it."""
        return (self.gate, *self.also)
