"""Runs one statement of the app on both sides."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_deploy.behaviour.postgres_side import refuses_a_row
from pytest_deploy.behaviour.tables import BothSides
from pytest_deploy.behaviour.values import of_source, of_target
from pytest_deploy.schema.kinds import Kind
from pytest_deploy.schema.relations import known_table
from pytest_deploy.schema.translation.expressions import Context
from pytest_deploy.schema.translation.parsing import parse_statement
from pytest_deploy.schema.translation.queries import translate_query
from pytest_deploy.schema.translation.scope import Database, Known, Scope, VisibleColumn
from pytest_deploy.schema.translation.statements import translate_statement
from pytest_deploy.schema.translation.values import KIND_OF, UntranslatableError
from pytest_deploy.schema.triggers import Programs, targets_of
from pytest_deploy.transfer.refusals import refusal
from pytest_deploy.transfer.sequences import LARGEST_KEY

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping, Sequence

    import psycopg
    from sqlglot.expressions.core import Expr

    from pytest_deploy.behaviour.postgres_side import PostgresSide
    from pytest_deploy.behaviour.queries import AppQuery
    from pytest_deploy.behaviour.sqlite_side import SqliteSide
    from pytest_deploy.schema.kinds import RawValue
    from pytest_deploy.transfer.planning import Prepared

_CHANGES = frozenset({"insert", "update", "delete"})


@dataclass(frozen=True)
class _Refused:
    """Why a side did not take a statement, and whether it is for what a row is."""

    why: str
    by_row: bool


class Asked:
    """
    Compares the app's statements.

    Args:
        prepared: The plan.
        target: A connection in a transaction that is rolled back.
        sides: SQLite's side and Postgres', with the same rows.
    """

    def __init__(
        self,
        prepared: Prepared,
        target: psycopg.Connection,
        sides: tuple[SqliteSide, PostgresSide],
    ) -> None:
        self._plan = prepared.plan
        self._zone = prepared.transfer.zone
        self._target = target
        self._sqlite, self._postgres = sides
        self._source = self._sqlite.connection
        self._both = BothSides(*sides, self._zone)
        self._context = _context(prepared)

    def differs(self, query: AppQuery) -> str:
        """
        Run a statement on both sides, and take it back.

        Args:
            query: The statement.

        Returns:
            Empty where it comes to the same; else what differs, without values.
        """
        try:
            node, _ = parse_statement(query.sql)
            sql, kinds = (query.postgres, []) if query.postgres else self._translated(query, node)
        except UntranslatableError as error:
            return f"{error} has no equal that we know: say what it is with -- postgres:"
        with self._taken_back():
            here, there = self._here(query), self._there(sql, query)
            if isinstance(here, _Refused) or isinstance(there, _Refused):
                return _refusals_differ(here, there)
            if len(here) != len(there):
                return f"{len(here):,} rows in SQLite, {len(there):,} in Postgres"
            found = self._compared(here, there, kinds, ordered=node.args.get("order") is not None)
            return found or (self._changed() if node.key in _CHANGES else "")

    @contextmanager
    def _taken_back(self) -> Iterator[None]:
        """Let a statement change both sides, from the same next keys on, and undo it."""
        for table in self._plan.tables:
            if table.identity and 0 < self._sqlite.next_key(table) <= LARGEST_KEY:
                self._postgres.set_next_key(table, self._sqlite.next_key(table))
        self._source.execute("SAVEPOINT asked")
        try:
            with self._target.transaction(force_rollback=True):
                yield
        finally:
            if self._source.in_transaction:
                self._source.execute("ROLLBACK TO asked")
                self._source.execute("RELEASE asked")

    def _changed(self) -> str:
        """Compare all tables after a statement that changes some."""
        for table in self._plan.tables:
            different = self._both.different(table)
            if different:
                return f"then {table.source.name} is not the same ({different})"
        return ""

    def _translated(self, query: AppQuery, node: Expr) -> tuple[str, list[Kind]]:
        context = Context(self._context.database, self._context.zone, parameters=query.arguments)
        if node.key in _CHANGES:
            programs = Programs(context, self._plan.tables, ())
            return translate_statement(query.sql, context, targets_of(programs), Scope()), []
        translated = translate_query(node, context)
        return translated.sql, [KIND_OF[value.sort] for value in translated.values]

    def _here(self, query: AppQuery) -> list[tuple[Any, ...]] | _Refused:
        try:
            return self._source.execute(query.sql, query.arguments).fetchall()
        except sqlite3.Error as error:
            name = getattr(error, "sqlite_errorname", type(error).__name__)
            return _Refused(name, name.startswith("SQLITE_CONSTRAINT"))

    def _there(self, sql: str, query: AppQuery) -> list[tuple[Any, ...]] | _Refused:
        import psycopg

        given = _given(query) if query.postgres and query.arguments else None
        try:
            with self._target.transaction():
                cursor = self._target.execute(sql.encode(), given)
                return cursor.fetchall() if cursor.description else []
        except psycopg.OperationalError:
            raise
        except psycopg.Error as error:
            return _Refused(refusal(error), refuses_a_row(error))

    def _compared(
        self,
        here: Sequence[tuple[Any, ...]],
        there: Sequence[tuple[Any, ...]],
        kinds: Sequence[Kind],
        *,
        ordered: bool,
    ) -> str:
        width = len(here[0]) if here else 0
        known = kinds or [_kind_of(here, n) for n in range(width)]
        mine = [
            tuple(_plain(of_source(v, k, self._zone)) for v, k in zip(row, known, strict=True))
            for row in here
        ]
        theirs = [tuple(_plain(of_target(value, self._zone)) for value in row) for row in there]
        if not ordered:
            mine.sort(key=repr)
            theirs.sort(key=repr)
        different = sum(one != other for one, other in zip(mine, theirs, strict=True))
        return f"{different:,} of {len(mine):,} rows differ" if different else ""


def _given(query: AppQuery) -> Sequence[RawValue] | Mapping[str, RawValue]:
    return list(query.arguments.values()) if query.counted else query.arguments


def _context(prepared: Prepared) -> Context:
    plan, zone = prepared.plan, str(prepared.transfer.zone)
    known = {t.source.name.lower(): known_table(t, plan.schema, zone) for t in plan.tables}
    for view in plan.views:
        columns = tuple(
            VisibleColumn.of_kind(column.name, column.type.kind) for column in view.columns
        )
        known[view.source.name.lower()] = Known(f'"{plan.schema}"."{view.name}"', columns)
    return Context(Database(plan.schema, known), zone)


def _kind_of(rows: Sequence[tuple[Any, ...]], column: int) -> Kind:
    first = next((row[column] for row in rows if row[column] is not None), None)
    return {int: Kind.BIGINT, float: Kind.DOUBLE, bytes: Kind.BYTEA}.get(type(first), Kind.TEXT)


def _plain(value: Hashable) -> Hashable:
    if isinstance(value, bool):
        return int(value)
    try:
        return float(f"{float(value):.10g}")  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return value


def _refusals_differ(
    here: list[tuple[Any, ...]] | _Refused, there: list[tuple[Any, ...]] | _Refused
) -> str:
    """Say what differs where a side refuses; alike is only what both refuse for what a row is."""
    if isinstance(here, _Refused) and not here.by_row:
        return f"SQLite does not run it: {here.why}"
    if isinstance(there, _Refused) and not there.by_row:
        return f"Postgres does not run it: {there.why}"
    if isinstance(here, _Refused) and isinstance(there, _Refused):
        return ""
    return f"SQLite: {_said(here)}; Postgres: {_said(there)}"


def _said(outcome: list[tuple[Any, ...]] | _Refused) -> str:
    if isinstance(outcome, _Refused):
        return f"refused, {outcome.why}"
    return f"{len(outcome):,} rows"
