"""The locks of Postgres: those that a step says it takes, and those that it was seen to take."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class LockMode(StrEnum):
    """
    How strongly a relation is locked; the value says who has to wait.

    Source: https://www.postgresql.org/docs/current/explicit-locking.html
    """

    ROW_SHARE = "changes of the schema wait"
    ROW_EXCLUSIVE = "builds of indexes and changes of the schema wait"
    SHARE_UPDATE_EXCLUSIVE = "VACUUM and changes of the schema wait"
    SHARE = "writers wait"
    SHARE_ROW_EXCLUSIVE = "writers wait, also builds of indexes"
    EXCLUSIVE = "writers and locking readers wait"
    ACCESS_EXCLUSIVE = "readers and writers wait"

    @property
    def in_postgres(self) -> str:
        """The name in `pg_locks`."""
        return self.name.title().replace("_", "") + "Lock"


@dataclass(frozen=True)
class Lock:
    """
    One kind of lock that a step takes.

    Args:
        mode: How strong it is.
        on: On what, in words.
    """

    mode: LockMode
    on: str

    def __str__(self) -> str:
        return f"{self.mode.in_postgres} on {self.on}: {self.mode.value}"


@dataclass(frozen=True)
class Held:
    """
    A lock that was seen.

    Args:
        mode: How strong it is.
        relation: On what, with its schema.
    """

    mode: LockMode
    relation: str

    def __str__(self) -> str:
        return f"{self.mode.in_postgres} on {self.relation}"


_WEAKEST_FIRST = tuple(LockMode)


def strongest(held: Iterable[Held]) -> tuple[Held, ...]:
    """
    Give the one lock of each relation that decides who waits.

    Args:
        held: Locks; several on the same relation as it may be.

    Returns:
        The strongest of each, by relation.
    """
    found: dict[str, Held] = {}
    for one in sorted(held, key=lambda one: _WEAKEST_FIRST.index(one.mode)):
        found[one.relation] = one
    return tuple(found[relation] for relation in sorted(found))


def undescribed(described: Iterable[Lock], held: Iterable[Held]) -> tuple[Held, ...]:
    """
    Compare what was seen with what is said.

    Args:
        described: Locks that a step says it takes.
        held: Those that it was seen to take.

    Returns:
        Those that nobody said.
    """
    modes = {lock.mode for lock in described}
    return tuple(one for one in strongest(held) if one.mode not in modes)
