"""Is the frozen plan still what the source gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.gates.verdict import Verdict

if TYPE_CHECKING:
    from pytest_deploy.transfer.frozen import Frozen


def schema_lock_is_current(frozen: Frozen) -> Verdict:
    """
    Compare `schema.lock` with what would be frozen now.

    Args:
        frozen: The plan and its lock.

    Returns:
        One problem for each difference, or one for a lock that cannot be read. Where there is no
        lock yet, or the source is not the configured one, the figures say so.
    """
    from pytest_deploy.schema.lock_text import object_count

    return Verdict(
        examined=object_count(frozen.now),
        unit="objects",
        problems=_problems(frozen),
        measured={
            "lock": _state(frozen),
            "differences": len(frozen.differences),
            "remedies_not_needed": frozen.unused,
        },
    )


def _problems(frozen: Frozen) -> tuple[str, ...]:
    from pytest_deploy.schema.lock_text import RENEW

    if frozen.file.problem:
        return (f"{frozen.file.path}: {frozen.file.problem}; write it anew: {RENEW}",)
    if not frozen.differences:
        return ()
    advice = f"{frozen.file.path} is stale: review what follows, then renew it: {RENEW}"
    return (advice, *frozen.differences)


def _state(frozen: Frozen) -> str:
    from pytest_deploy.schema.lock_text import RENEW

    if frozen.file.problem:
        return "unreadable"
    if frozen.file.lock is not None:
        return "stale" if frozen.differences else "current"
    if frozen.file.path is None:
        return "none: the source is not the one that deploy.toml names"
    return f"none yet: run {RENEW}"
