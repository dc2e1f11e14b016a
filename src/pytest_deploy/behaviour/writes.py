"""Runs operations on both sides and compares what comes of them."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_deploy.behaviour.operations import Maker, Operation, pool_of
from pytest_deploy.behaviour.systematic import Systematic
from pytest_deploy.behaviour.tables import BothSides, by_chance
from pytest_deploy.behaviour.values import is_now
from pytest_deploy.schema.translation.statements import changes_of
from pytest_deploy.schema.translation.trigger_text import read_trigger
from pytest_deploy.transfer.sequences import LARGEST_KEY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import tzinfo

    from pytest_deploy.behaviour.postgres_side import PostgresSide
    from pytest_deploy.behaviour.sqlite_side import SqliteSide
    from pytest_deploy.schema.plan import PlannedTable, PlannedView, SchemaPlan

MOST_PROBLEMS = 10
_NO_ACTIONS = frozenset({"", "NO ACTION", "RESTRICT"})
_ENDS_ALL = ("08", "53", "57P", "58")  # no connection, no resources, shut down, no files
_TURNS_OF_PLAIN, _LEAST_TURNS, _MOST_TURNS, _ALL_TURNS = 1, 6, 60, 600


@dataclass
class Coverage:
    """
    What was tried, and what came of it.

    Args:
        operations: By verb, and by whether they were accepted.
        refusals: What refused, by SQLite's name of the constraint.
        classes: Known differences, by their name: lax typing, objects that are not kept.
        problems: Differences, without values.
        tried: Constraints, defaults, actions and triggers that an operation was made for.
        untried: Those that none was found for, or no time was left for.
        ended_early: Whether the time was up before every operation had been tried.
    """

    operations: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    classes: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)
    untried: list[str] = field(default_factory=list)
    ended_early: bool = False


class Writes:
    """
    Compares inserts, updates and deletes.

    Args:
        plan: The plan.
        sides: SQLite's side and Postgres'.
        zone: The zone of dates that name none.
        seed: For what is random.
        loose: Tables of which something is not kept: what is refused there may differ.
    """

    def __init__(
        self,
        plan: SchemaPlan,
        sides: tuple[SqliteSide, PostgresSide],
        zone: tzinfo,
        seed: int,
        loose: frozenset[str],
    ) -> None:
        self._plan = plan
        self._sqlite, self._postgres = sides
        self._both = BothSides(*sides, zone)
        self._loose = loose
        self._touched = _closures(plan)
        self._parents = {
            key.source.parent.lower() for table in plan.tables for key in table.foreign_keys
        }
        rows = {table.source.name: self._sqlite.rows(table) for table in plan.tables}
        self._maker = Maker(plan, pool_of(plan, rows), seed)
        self._postgres.fill(rows)
        self.coverage = Coverage()

    def run(self, until_s: float) -> Coverage:
        """
        Try operations on every table in turn.

        Args:
            until_s: When to stop, by the monotonic clock.

        Returns:
            What came of them.
        """
        self._systematically(until_s)
        tables = [table for table in self._plan.tables if table.written]
        usual = max(_LEAST_TURNS, min(_MOST_TURNS, _ALL_TURNS // max(len(tables), 1)))
        turns = {table.name: self._turns(table, usual) for table in tables}
        for turn in range(usual):
            for number, table in enumerate(tables):
                if turn >= turns[table.name]:
                    continue
                self.coverage.ended_early = time.monotonic() > until_s
                if self.coverage.ended_early or len(self.coverage.problems) >= MOST_PROBLEMS:
                    return self.coverage
                # Kinds of operation take turns, also over tables that are tried but a few times.
                self._turn(table, turn + number)
            for view in self._written_views():
                self._through(view)
        for table in tables:
            self._lax(table)
        return self.coverage

    def _systematically(self, until_s: float) -> None:
        """Try every constraint once, before chance decides."""
        for trial in Systematic(self._plan, self._sqlite, self._maker).trials():
            operation, enough = trial.operation, len(self.coverage.problems) >= MOST_PROBLEMS
            usable = operation is not None and self._is_usable(operation)
            if operation is not None and usable and not enough and time.monotonic() < until_s:
                self._try(operation)
            else:
                usable = False
            if trial.what:
                (self.coverage.tried if usable else self.coverage.untried).append(trial.what)

    def _is_usable(self, operation: Operation) -> bool:
        table = self._plan.table(operation.relation)
        key = table.identity.source.name if table.identity else ""
        needs_key = operation.verb == "INSERT" and key not in dict(operation.values)
        if key and needs_key and not self._is_next(table):
            return False
        return self._finds_the_same(table, operation)

    def _turns(self, table: PlannedTable, usual: int) -> int:
        """Try less where little can differ: a table on which nothing stands but its key."""
        source, name = table.source, table.source.name.lower()
        alone = not source.foreign_keys and self._touched.get(name, frozenset()) <= {name}
        alone = alone and name not in self._parents
        if source.checks or table.uniques or table.indexes or self._plan.triggers or not alone:
            return usual
        return min(usual, _TURNS_OF_PLAIN)

    def _turn(self, table: PlannedTable, turn: int) -> None:
        operation = self._maker.one(table, self._sqlite.rows(table), turn)
        key = table.identity.source.name if table.identity else ""
        if key and key not in dict(operation.values) and not self._is_next(table):
            return
        if not self._finds_the_same(table, operation):
            return
        self._try(operation)

    def _finds_the_same(self, table: PlannedTable, operation: Operation) -> bool:
        """Tell whether rows can be named alike: not by what a clock or chance filled in here."""
        uncertain = {
            c.source.name for c, mask in zip(table.columns, by_chance(table), strict=True) if mask
        }
        return not any(
            is_now(value) or (name in uncertain and not self._maker.knows(table, name, value))
            for name, value in operation.where
        )

    def _written_views(self) -> list[PlannedView]:
        written = {trigger.relation for trigger in self._plan.triggers}
        return [view for view in self._plan.views if view.name in written]

    def _through(self, view: PlannedView) -> None:
        columns = view.source.columns
        shown = self._sqlite.view(view.source.name)
        if not shown or len(set(columns)) < len(columns):
            return
        rows = [dict(zip(columns, row, strict=True)) for row in shown]
        operation = self._maker.through(view.source.name, columns, rows)
        events = {
            read_trigger(t.source.sql).event for t in self._plan.triggers if t.relation == view.name
        }
        # On a view Postgres cannot tell a column that is set to what it was from one that is not.
        changes = any(dict(operation.where).get(name) != v for name, v in operation.values)
        if operation.verb in events and (changes or operation.verb != "UPDATE"):
            self._try(operation)

    def _lax(self, table: PlannedTable) -> None:
        operation = self._maker.lax(table, self._sqlite.rows(table))
        if operation is None or table.source.strict or table.source.name in self._loose:
            return
        here, there = self._sqlite.run(operation), self._run_there(operation)
        self._take_back()
        if here == "" and there:
            self.coverage.classes["lax_typing"] += 1
        elif there == "":
            self.coverage.problems.append(f"{operation.told()}: a text among integers is taken")

    def _try(self, operation: Operation) -> None:
        touched = self._touched.get(operation.relation.lower(), frozenset())
        self._set_keys(operation, touched)
        here = self._sqlite.run(operation)
        there = self._run_there(operation)
        self.coverage.operations[
            f"{operation.verb.lower()}_{'refused' if here else 'accepted'}"
        ] += 1
        if here:
            self.coverage.refusals[here.removeprefix("SQLITE_CONSTRAINT_").lower()] += 1
        if bool(here) != bool(there):
            self._disagreement(operation, here, there, touched)
        elif not here:
            self._compare(operation, touched)

    def _run_there(self, operation: Operation) -> str:
        import psycopg

        try:
            return self._postgres.run(operation)
        except psycopg.Error as error:
            if not error.sqlstate or error.sqlstate.startswith(_ENDS_ALL):
                raise
            # Of class 42 are mistakes in SQL, which quote no row.
            told = (error.sqlstate or "").startswith("42") and error.diag.message_primary
            said = told or type(error).__name__
            self.coverage.problems.append(f"{operation.told()}: Postgres fails: {said}")
            return type(error).__name__

    def _disagreement(
        self, operation: Operation, here: str, there: str, touched: frozenset[str]
    ) -> None:
        if touched & self._loose:
            self.coverage.classes["not_kept"] += 1
        elif here.startswith("error "):
            self.coverage.classes["not_for_sqlite"] += 1
        elif "54000" in there:
            self.coverage.classes["beyond_limits"] += 1
        else:
            said = f"SQLite refuses it ({here})" if here else f"Postgres refuses it ({there})"
            self.coverage.problems.append(f"{operation.told()}: only {said}")
        self._take_back()

    def _compare(self, operation: Operation, touched: frozenset[str]) -> None:
        for name in sorted(touched):
            table = self._plan.table(name)
            different = self._both.different(table)
            if not different:
                continue
            known = self._known_difference(operation, table, touched)
            if known:
                self.coverage.classes[known] += 1
            else:
                self.coverage.problems.append(
                    f"{operation.told()}: then {table.source.name} is not the same ({different})"
                )
            self._take_back()
            return
        self._postgres.keep()

    def _known_difference(
        self, operation: Operation, table: PlannedTable, touched: frozenset[str]
    ) -> str:
        """Name the class that a difference belongs to; empty where there should be none."""
        if touched & self._loose:
            return "not_kept"
        # Nothing says in which order a statement comes to its rows, and so to their new keys.
        many, by_trigger = not operation.where, table.source.name != operation.relation
        keys = table.identity is not None and not self._both.different(table, without_key=True)
        return "order_of_rows" if many and by_trigger and keys else ""

    def _take_back(self) -> None:
        """Let both sides be as they were before the last operation."""
        self._sqlite.take_back()
        self._postgres.take_back()

    def _set_keys(self, operation: Operation, touched: Iterable[str]) -> None:
        given = {name for name, _ in operation.values} if operation.verb == "INSERT" else None
        for name in touched:
            table = self._plan.table(name)
            own = name == operation.relation.lower()
            if table.identity is None or (own and not self._is_needed(table, given)):
                continue
            if (own or self._plan.triggers) and self._is_next(table):
                self._postgres.set_next_key(table, self._sqlite.next_key(table))

    def _is_next(self, table: PlannedTable) -> bool:
        """Tell whether both count on; SQLite does so below zero, and by chance at the end."""
        return 0 < self._sqlite.next_key(table) <= LARGEST_KEY

    def _is_needed(self, table: PlannedTable, given: set[str] | None) -> bool:
        """Tell whether an operation on a table itself may let it assign a key."""
        assert table.identity is not None
        return bool(self._plan.triggers) or (
            given is not None and table.identity.source.name not in given
        )


def _closures(plan: SchemaPlan) -> dict[str, frozenset[str]]:
    """Name, for every table and view, the tables that an operation on it may change."""
    reached: dict[str, set[str]] = {}
    for trigger in plan.triggers:
        changed = reached.setdefault(trigger.source.table.lower(), set())
        for sql in read_trigger(trigger.source.sql).statements:
            changed |= {table for _, table in changes_of(sql)}
    for table in plan.tables:
        for key in table.foreign_keys:
            if {key.source.on_delete, key.source.on_update} <= _NO_ACTIONS:
                continue  # its rows can but refuse a change of the parent's
            reached.setdefault(key.source.parent.lower(), set()).add(table.source.name.lower())
    tables = {table.source.name.lower() for table in plan.tables}
    names = tables | set(reached)
    return {name: frozenset(_from(name, reached) & tables) for name in names}


def _from(start: str, reached: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += reached.get(name, set())
    return found
