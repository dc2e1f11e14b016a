"""Plans triggers: each becomes a function in PL/pgSQL and a trigger that runs it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_deploy.findings import Finding, Severity
from pytest_deploy.schema.consequences import Change, Consequences, reads, written
from pytest_deploy.schema.identifiers import Names, fitted, quoted, quoted_list
from pytest_deploy.schema.own_rows import OwnRows, changes_own_row
from pytest_deploy.schema.plan import PlannedRoutine, PlannedTrigger
from pytest_deploy.schema.tokens import tokens
from pytest_deploy.schema.translation.expressions import Translator
from pytest_deploy.schema.translation.parsing import parse_expression, parse_statement
from pytest_deploy.schema.translation.raising import raises, translate_raising
from pytest_deploy.schema.translation.statements import (
    Target,
    changes_of,
    translate_statement,
    with_rows,
)
from pytest_deploy.schema.translation.trigger_text import TriggerText, read_trigger
from pytest_deploy.schema.translation.values import UntranslatableError, require, truth

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_deploy.schema.model import Trigger
    from pytest_deploy.schema.plan import PlannedTable
    from pytest_deploy.schema.translation.expressions import Context
    from pytest_deploy.schema.translation.scope import Known, Scope, VisibleColumn

_RETURNED = {"INSERT": "NEW", "UPDATE": "NEW", "DELETE": "OLD"}


@dataclass(frozen=True)
class Programs:
    """
    What triggers are planned by.

    Args:
        context: Knows tables and views.
        tables: The planned tables.
        triggers: All triggers of the source.
        dissolved: Full-text tables, in lower case, that Postgres keeps up to date by itself.
    """

    context: Context
    tables: tuple[PlannedTable, ...]
    triggers: tuple[Trigger, ...]
    dissolved: frozenset[str] = frozenset()


def plan_triggers(programs: Programs) -> tuple[tuple[PlannedTrigger, ...], list[Finding]]:
    """
    Plan triggers.

    Args:
        programs: What they are planned by.

    Returns:
        The triggers, and a finding for each that has no equal or is not needed.
    """
    planned: list[PlannedTrigger] = []
    findings: list[Finding] = []
    functions, targets = Names(), targets_of(programs)
    for trigger in programs.triggers:
        try:
            if _is_dissolved(programs, trigger):
                findings.append(_not_needed(trigger))
                continue
            plan = _Plan(programs, trigger, targets)
            said, found = plan.made(functions)
            heralds = plan.heralds(said.name, functions)
        except UntranslatableError as error:
            findings.append(not_kept(trigger.name, trigger.table, str(error)))
            continue
        planned += [*heralds, said]
        findings += found
    return tuple(planned), findings


def not_kept(name: str, table: str, reason: str) -> Finding:
    """
    Say that a trigger is not made.

    Args:
        name: Its name.
        table: What it stands on.
        reason: What in it has no equal.

    Returns:
        A risk.
    """
    message = f"the trigger on {table} is not made: {reason} has no equal that we know"
    return Finding("trigger_not_translated", Severity.RISK, name, message)


def _not_needed(trigger: Trigger) -> Finding:
    message = "it keeps a full-text table up to date, which Postgres does by itself"
    return Finding("trigger_not_needed", Severity.NOTE, trigger.name, message)


def _is_dissolved(programs: Programs, trigger: Trigger) -> bool:
    said = read_trigger(trigger.sql)
    changed = {table for _, table in written(said)}
    return bool(changed) and changed <= programs.dissolved and not _asks(said)


def _asks(said: TriggerText) -> bool:
    """Tell whether a query, which may raise, stands among the statements."""
    return any(not changes_of(sql) for sql in said.statements)


def targets_of(programs: Programs) -> dict[str, Target]:
    """
    Describe what the statements of triggers may write to.

    Args:
        programs: What triggers are planned by.

    Returns:
        By name in SQLite, in lower case; views too.
    """
    parents = {
        key.parent
        for table in programs.tables
        for key in table.foreign_keys
        if key.source.on_delete not in ("", "NO ACTION", "RESTRICT")
    }
    tables = {table.source.name.lower(): table for table in programs.tables}
    return {
        name: _table_target(known, tables[name], parents) if name in tables else Target(known)
        for name, known in programs.context.database.known.items()
    }


def _table_target(known: Known, table: PlannedTable, parents: set[str]) -> Target:
    keys = [table.primary_key] if table.primary_key else []
    uniques = [key.columns for key in (*keys, *table.uniques)]
    # A whole index that stands on columns as they are; others cannot be named in ON CONFLICT so.
    uniques += [tuple(t.column for t in i.terms) for i in table.indexes if i.unique]
    return Target(
        known,
        frozenset(c.name for c in table.columns if c.generated is not None),
        table.identity.name if table.identity else None,
        tuple(dict.fromkeys(uniques)),
        replaceable=table.name not in parents,
    )


class _Plan:
    """Plans one trigger."""

    def __init__(self, programs: Programs, trigger: Trigger, targets: Mapping[str, Target]) -> None:
        self._programs = programs
        self._trigger = trigger
        self._context = programs.context
        self._said: TriggerText = read_trigger(trigger.sql)
        self._on = programs.context.database.named(trigger.table)
        self._rows: Scope = with_rows(self._on.columns, self._on.rowid)
        self._targets = targets
        is_before = self._said.timing == "BEFORE" and self._said.event == "UPDATE"
        self._first = ""
        self._own_row = self._own_rows() if is_before else None
        self._consequences = Consequences(programs.tables, programs.triggers)
        self._reached = self._consequences.of(self._changes())
        if self._said.timing == "BEFORE" and self._said.event == "DELETE":
            self._delete_first()

    def _delete_first(self) -> None:
        """
        Let a trigger come after the row is gone, where its changes come back to that row.

        Postgres refuses to delete what is changed meanwhile; in SQLite such a change is lost.
        """
        comes_back = {("UPDATE", self._own), ("DELETE", self._own)} & self._reached
        if not comes_back or comes_back & self._changes():
            return
        words = [token.word for token in tokens(self._trigger.sql)]
        ignores = ("RAISE", "IGNORE") in zip(words, words[2:], strict=False)
        asks = reads(self._said, self._own) or self._consequences.asks(self._reached, self._own)
        if not ignores and not asks:
            self._said = replace(self._said, timing="AFTER")
            # Before the triggers by which Postgres looks at foreign keys: they go by their names.
            self._first = "0 "

    def _own_rows(self) -> OwnRows | None:
        target = self._targets.get(self._own)
        tables = {t.source.name.lower(): t.source for t in self._programs.tables}
        if target is None or self._own not in tables:
            return None
        others = self._programs.triggers
        table = tables[self._own]
        return OwnRows(self._context, self._trigger, table, target, self._rows, others)

    def _on_own_row(self, sql: str) -> bool:
        return self._own_row is not None and changes_own_row(sql, self._own)

    def heralds(self, name: str, functions: Names) -> list[PlannedTrigger]:
        return [
            herald
            for sql in self._said.statements
            if self._own_row is not None and self._on_own_row(sql)
            for herald in self._own_row.heralds(sql, name, self._relation(), functions)
        ]

    def made(self, functions: Names) -> tuple[PlannedTrigger, list[Finding]]:
        said, schema = self._said, quoted(self._context.database.schema)
        self._refuse_own_rows()
        name, function = (
            fitted(self._first + self._trigger.name),
            functions.take(self._trigger.name),
        )
        when, inside = self._condition()
        body = "\n".join(f"    {line}" if line else "" for line in self._body(inside))
        quote = "$body$" if "$$" in body else "$$"
        routine = PlannedRoutine(
            function,
            f"CREATE FUNCTION {schema}.{quoted(function)}() RETURNS trigger\n"
            f"LANGUAGE plpgsql SET search_path = ''\nAS {quote}\nBEGIN\n{body}\nEND\n{quote}",
        )
        columns = quoted_list(tuple(self._column(name).name for name in said.columns))
        of = f" OF {columns}" if columns and said.timing != "INSTEAD OF" else ""
        sql = (
            f"CREATE TRIGGER {quoted(name)} {said.timing} {said.event}{of} ON {self._on.sql}"
            f" FOR EACH ROW{when} EXECUTE FUNCTION {schema}.{quoted(function)}()"
        )
        return PlannedTrigger(
            name, self._relation(), self._trigger, routine, sql
        ), self._on_differences()

    def _relation(self) -> str:
        return self._on.sql.split(".", 1)[1][1:-1].replace('""', '"')

    def _column(self, name: str) -> VisibleColumn:
        for column in self._on.columns:
            if column.source.lower() == name.lower():
                return column
        raise UntranslatableError("a name that is no column of its table")

    def _refuse_own_rows(self) -> None:
        """Refuse what Postgres does: a row that is changed while it is about to be changed."""
        if self._said.timing == "BEFORE" and self._said.event != "INSERT":
            comes_back = {("UPDATE", self._own), ("DELETE", self._own)} & self._reached
            once = sum(map(self._on_own_row, self._said.statements)) <= 1
            changed = self._own in {table for _, table in self._changes()}
            require(not changed and once, "a BEFORE trigger that changes its table")
            require(not comes_back, "a BEFORE trigger whose changes come back to its table")

    def _changes(self) -> set[Change]:
        """Name what it changes, its own row apart."""
        statements = (sql for sql in self._said.statements if not self._on_own_row(sql))
        return {change for sql in statements for change in changes_of(sql)}

    def _condition(self) -> tuple[str, str]:
        """Give the WHEN clause, or where Postgres takes none such, the condition inside."""
        if self._said.when is None:
            return "", ""
        sql = truth(Translator(self._context, self._rows).of(parse_expression(self._said.when)))
        if self._said.timing == "INSTEAD OF" or "SELECT" in sql:
            return "", sql
        return f" WHEN ({sql})", ""

    def _body(self, condition: str) -> list[str]:
        said = self._said
        returned = "NULL" if said.timing == "AFTER" else _RETURNED[said.event]
        conditions = [f"({condition}) IS NOT TRUE"] if condition else []
        conditions += self._unchanged()
        guard = self._guard() if self._comes_again else None
        if guard:
            conditions.insert(0, f"current_setting('{guard}', true) = 'on'")
        lines: list[str] = []
        for one in conditions:
            lines += [f"IF {one} THEN", f"    RETURN {returned};", "END IF;"]
        off = [f"PERFORM set_config('{guard}', 'off', true);"] if guard else []
        lines += [f"PERFORM set_config('{guard}', 'on', true);"] if guard else []
        for sql in said.statements:
            lines += self._statement(sql, "\n".join([*off, "RETURN NULL;"]))
        return [*lines, *off, f"RETURN {returned};"]

    def _unchanged(self) -> list[str]:
        """Stand in for UPDATE OF on a view, which Postgres does not have."""
        if self._said.timing != "INSTEAD OF" or not self._said.columns:
            return []
        names = [quoted(self._column(name).name) for name in self._said.columns]
        same = " AND ".join(f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}" for name in names)
        return [same]

    def _statement(self, sql: str, leave: str) -> list[str]:
        if {table for _, table in changes_of(sql)} & self._programs.dissolved:
            return []
        node, _ = parse_statement(sql)
        if node.key not in ("insert", "update", "delete"):
            return translate_raising(node, self._context, self._rows, leave) if raises(node) else []
        require(not raises(node), "RAISE in a statement that changes rows")
        if self._own_row is not None and self._on_own_row(sql):
            return self._own_row.lines(sql)
        done = translate_statement(sql, self._context, self._targets, self._rows)
        return [f"{done};"]

    def _guard(self) -> str:
        digest = hashlib.sha256(self._trigger.name.lower().encode()).hexdigest()[:12]
        return f"sqlite_trigger.guard_{digest}"

    def _on_differences(self) -> list[Finding]:
        name, found = self._trigger.name, []
        words = [token.word for token in tokens(self._trigger.sql)]
        if ("RAISE", "FAIL") in zip(words, words[2:], strict=False):
            message = (
                "RAISE(FAIL) leaves the rows changed before it; in Postgres the statement is undone"
            )
            found.append(Finding("raise_fail_differs", Severity.RISK, name, message))
        if self._said.timing == "AFTER" and ("DELETE", self._own) in written(self._said):
            message = (
                "it deletes from the table that sets it off: SQLite does so row by row, Postgres"
                " when the statement has changed all its rows"
            )
            found.append(Finding("row_by_row_differs", Severity.RISK, name, message))
        return found

    @property
    def _comes_again(self) -> bool:
        """Whether what it changes may come back to it: SQLite does not fire it again then."""
        return (self._said.event, self._own) in self._reached

    @property
    def _own(self) -> str:
        return self._trigger.table.lower()
