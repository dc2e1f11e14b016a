"""What is made of a text once and then looked up."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Remembered(dict[bytes, int]):
    """
    What was made before, by its text.

    Args:
        make: Makes a number of a text; what it raises is raised, and nothing is kept.
    """

    def __init__(self, make: Callable[[bytes], int]) -> None:
        self._make = make

    def __missing__(self, text: bytes) -> int:
        self[text] = made = self._make(text)
        return made
