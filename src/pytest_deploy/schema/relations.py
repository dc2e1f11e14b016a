"""What expressions can see: planned tables as relations, and their generated columns."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_deploy.findings import Finding, Severity
from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.schema.model import Affinity
from pytest_deploy.schema.tokens import tokens
from pytest_deploy.schema.translation.conversions import stored_as
from pytest_deploy.schema.translation.expressions import translate
from pytest_deploy.schema.translation.scope import CARRIED, Known, Relation, VisibleColumn
from pytest_deploy.schema.translation.values import SORT_OF, UntranslatableError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_deploy.schema.model import Column, Table
    from pytest_deploy.schema.plan import PlannedColumn, PlannedTable
    from pytest_deploy.schema.translation.expressions import Context

_NUMERIC = frozenset({Affinity.INTEGER, Affinity.REAL, Affinity.NUMERIC})


def visible_column(column: PlannedColumn, zone: str) -> VisibleColumn:
    """
    Describe a planned column to expressions.

    Args:
        column: The column.
        zone: The zone of dates that name none.

    Returns:
        The column as expressions see it.
    """
    affinity = column.source.affinity
    return VisibleColumn(
        column.source.name,
        column.name,
        SORT_OF[column.type.kind],
        collation=column.source.collation,
        numeric=affinity in _NUMERIC,
        textual=affinity is Affinity.TEXT,
        form=column.form,
        zone=zone,
        mixed=column.mixed,
        reals=column.reals,
        kind=column.type.kind if column.type.kind in CARRIED else None,
    )


def visible_columns(columns: Iterable[PlannedColumn], zone: str) -> tuple[VisibleColumn, ...]:
    """Describe several columns, see `visible_column`."""
    return tuple(visible_column(column, zone) for column in columns)


def alone(columns: Iterable[PlannedColumn], zone: str) -> Relation:
    """
    Describe a table to an expression that names its columns alone, as a CHECK does.

    Args:
        columns: Its columns.
        zone: The zone of dates that name none.

    Returns:
        A relation without an alias.
    """
    return Relation("", None, visible_columns(columns, zone))


def known_table(table: PlannedTable, schema: str, zone: str) -> Known:
    """
    Describe a table to queries.

    Args:
        table: The table.
        schema: The Postgres schema it stands in.
        zone: The zone of dates that name none.

    Returns:
        What a FROM clause may name.
    """
    source, key = table.source, table.primary_key
    return Known(
        f"{quoted(schema)}.{quoted(table.name)}",
        visible_columns(table.columns, zone),
        rowid=source.rowid_column,
        key=key.columns if key else (),
    )


def generated_columns(
    table: Table, columns: tuple[PlannedColumn, ...], context: Context
) -> tuple[tuple[PlannedColumn, ...], list[Finding]]:
    """
    Translate the formulas of a table's generated columns.

    Args:
        table: The table.
        columns: Its columns.
        context: What expressions are translated by.

    Returns:
        The columns, and a risk for each whose formula could not be kept: its values go over.
    """
    immutable = replace(context, immutable=True)
    made = _Formulas(table, alone(columns, context.zone), immutable)
    done: list[PlannedColumn] = []
    findings: list[Finding] = []
    for column in columns:
        if column.source.generated is None:
            done.append(column)
            continue
        try:
            formula = made.of(column.source)
            done.append(replace(column, generated=formula, default=None))
        except UntranslatableError as error:
            done.append(column)
            name = f"{table.name}.{column.source.name}"
            findings.append(formula_not_kept(name, f"{error} has no equal that we know"))
    return tuple(done), findings


def formula_not_kept(name: str, reason: str) -> Finding:
    """
    Say that a generated column becomes an ordinary one.

    Args:
        name: The table and column.
        reason: Why.

    Returns:
        A risk.
    """
    message = f"its values go over, its formula does not: {reason}"
    return Finding("generated_column_not_translated", Severity.RISK, name, message)


class _Formulas:
    """Formulas of one table; one that names another holds it, since Postgres allows no naming."""

    def __init__(self, table: Table, relation: Relation, context: Context) -> None:
        self._sources = {c.name.lower(): c for c in table.columns if c.generated}
        self._columns = {column.source.lower(): column for column in relation.columns}
        self._generated: dict[str, str] = {}
        self._context = context

    def of(self, column: Column) -> str:
        name = column.name.lower()
        for token in tokens(column.formula or ""):
            before = self._sources.get(token.name.lower())
            if before is not None and token.name.lower() not in self._generated:
                self.of(before)
        columns = self._with_formulas(name)
        value = translate(column.formula or "NULL", Relation("", None, columns), self._context)
        formula = stored_as(value, self._columns[name], self._context)
        self._generated[name] = formula
        return formula

    def _with_formulas(self, but: str) -> tuple[VisibleColumn, ...]:
        return tuple(
            replace(column, expression=f"({self._generated[name]})")
            if name in self._generated
            else column
            for name, column in self._columns.items()
            if name != but
        )
