"""What a change brings about: by triggers, and by the actions of foreign keys."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from pytest_deploy.schema.translation.parsing import parse_statement
from pytest_deploy.schema.translation.statements import changes_of
from pytest_deploy.schema.translation.trigger_text import TriggerText, read_trigger
from pytest_deploy.schema.translation.values import UntranslatableError

if TYPE_CHECKING:
    from pytest_deploy.schema.model import Trigger
    from pytest_deploy.schema.plan import PlannedTable

Change: TypeAlias = tuple[str, str]  # an event, and a table in lower case
EVENTS = ("INSERT", "UPDATE", "DELETE")


@dataclass(frozen=True)
class Consequences:
    """
    Knows what sets off what.

    Args:
        tables: The planned tables, with the foreign keys that are kept.
        triggers: All triggers of the source.
    """

    tables: tuple[PlannedTable, ...]
    triggers: tuple[Trigger, ...]

    def of(self, changes: set[Change]) -> set[Change]:
        """
        Follow changes to all that they bring about.

        Args:
            changes: Where to begin.

        Returns:
            These and all others.
        """
        reached: set[Change] = set()
        waiting = set(changes)
        while waiting:
            change = waiting.pop()
            if change not in reached:
                reached.add(change)
                waiting |= self._changed_with(*change)
        return reached

    def asks(self, changes: set[Change], table: str) -> bool:
        """
        Tell whether a trigger that changes set off reads a table.

        Args:
            changes: Which set triggers off.
            table: Its name in lower case.

        Returns:
            Whether one does, other than by changing its rows.
        """
        return any(
            reads(read_trigger(trigger.sql), table)
            for trigger in self.triggers
            for event, name in changes
            if trigger.table.lower() == name and self._written_by(trigger, event)
        )

    def _changed_with(self, event: str, name: str) -> set[Change]:
        changed: set[Change] = set()
        for trigger in self.triggers:
            if trigger.table.lower() == name:
                changed |= self._written_by(trigger, event)
        for table in self.tables:
            for key in table.foreign_keys:
                if key.source.parent.lower() == name:
                    action = key.source.on_delete if event == "DELETE" else key.source.on_update
                    changed |= _by_action(event, action, table.source.name.lower())
        return changed

    def _written_by(self, trigger: Trigger, event: str) -> set[Change]:
        try:
            said = read_trigger(trigger.sql)
            return written(said) if said.event == event else set()
        except UntranslatableError:  # it may change anything
            names = [table.source.name.lower() for table in self.tables]
            return {(event, name) for event in EVENTS for name in names}


def written(said: TriggerText) -> set[Change]:
    """
    Name what the statements of a trigger change.

    Args:
        said: The trigger.

    Returns:
        Pairs of an event and a table.

    Raises:
        UntranslatableError: One could not be read.
    """
    return {change for sql in said.statements for change in changes_of(sql)}


def reads(said: TriggerText, table: str) -> bool:
    """
    Tell whether a trigger asks what is in a table.

    Args:
        said: The trigger.
        table: Its name in lower case.

    Returns:
        Whether it does, other than by changing its rows.
    """
    named = sum(_tables_in(sql).count(table) for sql in said.statements)
    changed = sum(any(name == table for _, name in changes_of(sql)) for sql in said.statements)
    return named > changed or (said.when is not None and table in said.when.lower())


@lru_cache(maxsize=4096)
def _tables_in(sql: str) -> tuple[str, ...]:
    from sqlglot.expressions import Table

    return tuple(found.name.lower() for found in parse_statement(sql)[0].find_all(Table))


def _by_action(event: str, action: str, child: str) -> set[Change]:
    if event == "INSERT" or action in ("", "NO ACTION", "RESTRICT"):
        return set()
    return {(event if action == "CASCADE" else "UPDATE", child)}
