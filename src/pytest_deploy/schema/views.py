"""Plans views: each in an order in which it finds what it reads."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_deploy.findings import Finding, Severity
from pytest_deploy.schema.identifiers import Names, fitted, quoted, quoted_list
from pytest_deploy.schema.kinds import TargetType
from pytest_deploy.schema.plan import PlannedView, ViewColumn
from pytest_deploy.schema.tokens import tokens
from pytest_deploy.schema.translation.parsing import parse_statement
from pytest_deploy.schema.translation.queries import translate_query
from pytest_deploy.schema.translation.scope import Known, VisibleColumn
from pytest_deploy.schema.translation.values import KIND_OF, UntranslatableError, require

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_deploy.schema.model import View
    from pytest_deploy.schema.translation.expressions import Context
    from pytest_deploy.schema.translation.queries import Query

_A_COLUMN = re.compile(r'(?:"(?:[^"]|"")*"\.)?"(?:[^"]|"")*"')


def plan_views(
    views: Iterable[View], context: Context
) -> tuple[tuple[PlannedView, ...], Context, list[Finding]]:
    """
    Plan views.

    Args:
        views: What the source declares.
        context: Knows the tables.

    Returns:
        The views in an order that Postgres takes; a context that knows them too; and a risk for
        each that has no equal.
    """
    waiting = [view for view in views if view.error is None]
    findings = [_broken(view) for view in views if view.error is not None]
    planned: list[PlannedView] = []
    reasons: dict[str, str] = {}
    grew = True
    while grew:
        grew = False
        for view in tuple(waiting):
            try:
                made, known = _view(view, context)
            except UntranslatableError as error:
                reasons[view.name] = str(error)
                continue
            grew = True
            waiting.remove(view)
            planned.append(made)
            database = context.database.joined_by(view.name, known)
            context = replace(context, database=database)
    findings += [not_kept(view.name, reasons[view.name]) for view in waiting]
    return tuple(planned), context, findings


def _broken(view: View) -> Finding:
    message = f"SQLite cannot run it: {view.error}"
    return Finding("view_broken_in_source", Severity.RISK, view.name, message)


def not_kept(name: str, reason: str) -> Finding:
    """
    Say that a view is not made.

    Args:
        name: Its name.
        reason: What in it has no equal.

    Returns:
        A risk.
    """
    message = f"the view is not made: {reason} has no equal that we know"
    return Finding("view_not_translated", Severity.RISK, name, message)


def _view(view: View, context: Context) -> tuple[PlannedView, Known]:
    tree, _ = parse_statement(_query_of(view.sql))
    query = translate_query(tree, context)
    require(len(query.names) == len(view.columns), "a column that SQLite names otherwise")
    name = fitted(view.name)
    columns = _columns(view, query, context)
    qualified = f"{quoted(context.database.schema)}.{quoted(name)}"
    listed = quoted_list(tuple(column.name for column in columns))
    # Without it a view reads with its owner's rights, past row level security.
    sql = f"CREATE VIEW {qualified} ({listed}) WITH (security_invoker = on) AS\n{query.sql}"
    shown = tuple(
        ViewColumn(
            column.name,
            TargetType(KIND_OF[value.sort]),
            computed=_A_COLUMN.fullmatch(value.sql) is None,
        )
        for column, value in zip(columns, query.values, strict=True)
    )
    return PlannedView(name, view, shown, sql), Known(qualified, columns)


def _query_of(sql: str) -> str:
    for token in tokens(sql):
        if token.word == "AS" and token.depth == 0:
            return sql[token.end :].strip().rstrip(";")
    raise UntranslatableError("its syntax")


def _columns(view: View, query: Query, context: Context) -> tuple[VisibleColumn, ...]:
    within = Names()
    pairs = zip(view.columns, query.columns(context), strict=True)
    return tuple(replace(c, source=name, name=within.take(fitted(name))) for name, c in pairs)
