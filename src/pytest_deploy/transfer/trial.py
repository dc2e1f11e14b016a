"""
Tries the whole plan on the target, empty and in one transaction that is rolled back.

What Postgres refuses of a translation becomes a finding before anything is done; what it takes is
read back as Postgres itself writes it, for the gate that compares the schema.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_deploy.findings import Finding, Severity
from pytest_deploy.schema import ddl, views
from pytest_deploy.schema.catalog import read_definitions
from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.schema.programs import with_routines
from pytest_deploy.schema.relations import formula_not_kept
from pytest_deploy.schema.triggers import not_kept
from pytest_deploy.transfer.refusals import refusal, transfer_error

if TYPE_CHECKING:
    import psycopg

    from pytest_deploy.providers.postgres.base import Target
    from pytest_deploy.schema.ddl import Statement
    from pytest_deploy.schema.plan import PlannedTable, SchemaPlan

_SAVEPOINT = "trial"


def tried(plan: SchemaPlan, target: Target) -> tuple[SchemaPlan, list[Finding]]:
    """
    Try a plan.

    Args:
        plan: The plan.
        target: A database in which none of its objects is.

    Returns:
        The plan without the translations that Postgres refused, with its definitions; and a risk
        for each refusal.

    Raises:
        TransferError: The target could not be used.
    """
    import psycopg

    try:
        with target.connect() as connection:
            trial = _Trial(connection, plan)
            trial.run()
            connection.rollback()
    except psycopg.Error as error:
        raise transfer_error("trying the schema", error) from None
    made = with_routines(trial.plan)
    return replace(made, definitions=_of_what_is_left(made)), trial.findings


def _of_what_is_left(plan: SchemaPlan) -> dict[str, str]:
    """Forget functions and triggers that were made for what was refused later."""
    left = {f"function {routine.name}" for routine in plan.routines}
    left |= {f"function {trigger.function.name}" for trigger in plan.triggers}
    left |= {f"trigger {trigger.relation}.{trigger.name}" for trigger in plan.triggers}
    programs = ("function ", "trigger ")
    return {
        name: text
        for name, text in plan.definitions.items()
        if name in left or not name.startswith(programs)
    }


class _Trial:
    """One trial: the plan as far as it was taken, and what was not."""

    def __init__(self, connection: psycopg.Connection, plan: SchemaPlan) -> None:
        self._connection = connection
        self.plan = plan
        self.findings: list[Finding] = []

    def run(self) -> None:
        self._connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(self.plan.schema)}")
        for statement in ddl.routines(self.plan):
            self._connection.execute(statement.sql)
        tables = tuple(self._table(table) for table in self.plan.tables)
        self.plan = replace(self.plan, tables=tables)
        statements = list(ddl.constraints(self.plan))
        # All at once, as a rule; one by one only to find out which of them is refused.
        if self._refused(ddl.joined(s.sql for s in statements)):
            for statement in statements:
                self._constraint(statement)
        for statement in ddl.programs(self.plan):
            self._program(statement)
        found = read_definitions(self._connection, self.plan.schema)
        self.plan = replace(self.plan, definitions=found)

    def _refused(self, sql: str) -> str | None:
        """Run a statement, and say why Postgres does not take it."""
        import psycopg

        try:
            with self._connection.transaction(_SAVEPOINT):
                self._connection.execute(sql)
        except psycopg.OperationalError:
            raise
        except psycopg.Error as error:
            return error.diag.message_primary or refusal(error)  # there are no rows to quote
        return None

    def _table(self, table: PlannedTable) -> PlannedTable:
        if not any(column.generated for column in table.columns):
            self._connection.execute(ddl.create_table(self.plan, table))
            return table
        reason = self._refused(ddl.create_table(self.plan, table))
        if reason is None:
            return table
        for column in table.columns:
            if column.generated is not None:
                name = f"{table.source.name}.{column.source.name}"
                self.findings.append(formula_not_kept(name, f"Postgres says {reason}"))
        kept = tuple(replace(column, generated=None) for column in table.columns)
        table = replace(table, columns=kept)
        self._connection.execute(ddl.create_table(self.plan, table))
        return table

    def _constraint(self, statement: Statement) -> None:
        """Give up a check or index that Postgres does not take; rows decide about the others."""
        reason = self._refused(statement.sql)
        if reason is None or statement.kind not in ("check", "index"):
            return
        code = f"{statement.kind}_not_translated"
        message = f"the {statement.kind} on {statement.table} is not made: {reason}"
        self.findings.append(Finding(code, Severity.RISK, statement.label, message))
        tables = tuple(_without(table, statement) for table in self.plan.tables)
        self.plan = replace(self.plan, tables=tables)

    def _program(self, statement: Statement) -> None:
        reason = self._refused(statement.sql)
        if reason is None:
            return
        name, said = statement.label, f"what Postgres says is: {reason}; it"
        if statement.kind == "view":
            self.findings.append(views.not_kept(name, said))
            kept = tuple(view for view in self.plan.views if view.source.name != name)
            self.plan = replace(self.plan, views=kept)
            return
        if any(trigger.source.name == name for trigger in self.plan.triggers):
            self.findings.append(not_kept(name, statement.table, said))
        triggers = tuple(t for t in self.plan.triggers if t.source.name != name)
        self.plan = replace(self.plan, triggers=triggers)


def _without(table: PlannedTable, refused: Statement) -> PlannedTable:
    if table.source.name != refused.table:
        return table
    name = refused.object
    return replace(
        table,
        checks=tuple(check for check in table.checks if check.name != name),
        indexes=tuple(index for index in table.indexes if index.name != name),
        searches=tuple(search for search in table.searches if search.index != name),
    )
