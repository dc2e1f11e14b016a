"""Plans what stands beside the tables: full-text search, views, triggers and their functions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_deploy.findings import Finding, Severity
from pytest_deploy.schema import ddl
from pytest_deploy.schema.relations import known_table
from pytest_deploy.schema.search import plan_searches
from pytest_deploy.schema.translation.routines import planned_routines
from pytest_deploy.schema.translation.scope import Database
from pytest_deploy.schema.triggers import Programs, plan_triggers
from pytest_deploy.schema.views import plan_views

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_deploy.schema.identifiers import Names
    from pytest_deploy.schema.model import SourceSchema
    from pytest_deploy.schema.plan import SchemaPlan
    from pytest_deploy.schema.remedies import Remedies
    from pytest_deploy.schema.translation.expressions import Context


def plan_programs(
    plan: SchemaPlan, context: Context, names: Names, remedies: Remedies
) -> tuple[SchemaPlan, list[Finding]]:
    """
    Plan everything that SQLite runs by itself, or shows.

    Args:
        plan: The plan, with its tables.
        context: What expressions are translated by.
        names: Hands out the names of indexes.
        remedies: Knows each `keep = false`.

    Returns:
        The plan with full-text columns, views, triggers and functions; and findings.
    """
    source, left_out = _kept(plan.source, remedies)
    tables, dissolved, searches = plan_searches(source.virtual_tables, plan.tables, names)
    known = {t.source.name.lower(): known_table(t, plan.schema, context.zone) for t in tables}
    context = replace(context, database=Database(plan.schema, known))
    views, context, on_views = plan_views(source.views, context)
    programs = Programs(context, tables, source.triggers, dissolved)
    triggers, on_triggers = plan_triggers(programs)
    plan = replace(plan, tables=tables, views=views, triggers=triggers)
    return with_routines(plan), [*left_out, *searches, *on_views, *on_triggers]


def _kept(source: SourceSchema, remedies: Remedies) -> tuple[SourceSchema, list[Finding]]:
    left_out: list[Finding] = []

    def kept(section: str, name: str) -> bool:
        if remedies.configured(section, name, "keep") != "drop":
            return True
        message = "left out, as deploy.toml says"
        left_out.append(Finding("left_out", Severity.NOTE, name, message))
        return False

    views = tuple(view for view in source.views if kept("views", view.name))
    triggers = tuple(trigger for trigger in source.triggers if kept("triggers", trigger.name))
    return replace(source, views=views, triggers=triggers), left_out


def with_routines(plan: SchemaPlan) -> SchemaPlan:
    """
    Give a plan the functions that its statements use, and no others.

    Args:
        plan: The plan.

    Returns:
        The plan with them.
    """
    return replace(plan, routines=planned_routines(plan.schema, _statements(plan)))


def _statements(plan: SchemaPlan) -> Iterator[str]:
    for table in plan.tables:
        yield ddl.create_table(plan, table)
    for statement in (*ddl.constraints(plan), *ddl.programs(plan)):
        yield statement.sql
