"""Tries again what fails for a moment only, and waits longer each time."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ATTEMPTS = 6
_LONGEST_S = 100.0  # for all attempts: time for three answers that never come

Answer = TypeVar("Answer")
_retries: Counter[tuple[str, str]] = Counter()


def retried(
    what: str, do: Callable[[], Answer], *, is_transient: Callable[[BaseException], bool]
) -> Answer:
    """
    Do something, and again where it fails for a moment: exponential backoff, with jitter.

    Args:
        what: What is done, for the report; no names of rows or files.
        do: Does it; doing it twice does no harm.
        is_transient: Says of an error whether it may be gone soon.

    Returns:
        What it returned.

    Raises:
        Exception: What it raised last.
    """
    import stamina

    def worth_it(error: Exception) -> bool:
        if not is_transient(error):
            return False
        _retries[what, type(error).__name__] += 1
        return True

    for attempt in stamina.retry_context(on=worth_it, attempts=_ATTEMPTS, timeout=_LONGEST_S):
        with attempt:
            return do()
    raise AssertionError  # at least one attempt is made


def retries() -> Mapping[tuple[str, str], int]:
    """
    Tell what was tried again in this process.

    Returns:
        How often, by what it was and the kind of error.
    """
    return dict(_retries)
