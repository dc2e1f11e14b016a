"""Runs suites in Postgres, several tables side by side."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pytest_deploy.errors import TargetError
from pytest_deploy.transfer.keys import shown_key
from pytest_deploy.validation.batches import Tables
from pytest_deploy.validation.configurations import UnknownRuleError, configuration_of
from pytest_deploy.validation.outcome import Came, Outcome, figures_of, refusal_of
from pytest_deploy.validation.quiet import quiet
from pytest_deploy.validation.relations import (
    Relation,
    open_reading,
    reading,
    relation_of,
    relations_of,
)
from pytest_deploy.validation.statements import of_keys_alone
from pytest_deploy.validation.suites import SQL_RULE
from pytest_deploy.validation.vacuous import saw_nothing, why_vacuous

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_deploy.providers.postgres.base import Connection, Target
    from pytest_deploy.validation.suites import Rule, Suite

_SHOWN_KEYS = 5
_NUMBER = "rule"
# No value leaves Postgres: of the first pass counts, of the second keys.
_COUNTS = {"result_format": "BASIC", "partial_unexpected_count": 0}
_KEYS = {
    "result_format": "SUMMARY",
    "partial_unexpected_count": _SHOWN_KEYS,
    "exclude_unexpected_values": True,
}
_ROWS = {"result_format": "COMPLETE"}


@dataclass(frozen=True)
class Place:
    """
    Where rules are checked.

    Args:
        target: The database.
        schema: The schema of its tables.
        personal: Columns of which not even keys are told, as `table.column`.
    """

    target: Target
    schema: str
    personal: frozenset[str] = frozenset()

    def connect(self) -> Connection:
        """Open a session that can only read."""
        return open_reading(self.target, self.schema)


@dataclass
class _Todo:
    """One suite with a table to check it on, and what is known of its rules so far."""

    suite: Suite
    relation: Relation
    is_empty: bool = False
    batch: Any = None
    expectations: dict[int, Any] = field(default_factory=dict)
    outcomes: dict[int, Outcome] = field(default_factory=dict)

    def settle(self, number: int, came: Came, seen: str, **more: Any) -> None:  # noqa: ANN401
        rule = self.suite.rules[number]
        self.outcomes[number] = Outcome(self.suite, rule, came, seen, **more)


def run_suites(suites: Sequence[Suite], place: Place, *, workers: int) -> tuple[Outcome, ...]:
    """
    Check every rule of every suite.

    Args:
        suites: From `read_suites`.
        place: Where.
        workers: How many tables side by side: each has a thread and a session of its own.

    Returns:
        One outcome for each rule, and one for each suite that cannot be used, in their order.

    Raises:
        TargetError: The server is unreachable or refuses us.
    """
    with quiet(), reading(place.target, place.schema) as connection:
        relations = relations_of(connection, place.schema)
        found = [_todo(suite, relation_of(suite.table, relations), connection) for suite in suites]
        connection.rollback()  # no transaction stays open while others work
        _check_all([one for one in found if isinstance(one, _Todo)], place, workers)
    return tuple(
        outcome
        for one in found
        for outcome in ([one] if isinstance(one, Outcome) else one.outcomes.values())
    )


def _check_all(todo: list[_Todo], place: Place, workers: int) -> None:
    some = [one for one in todo if one.expectations]
    if not some:
        return
    tables = Tables(place.connect)
    pool = ThreadPoolExecutor(max_workers=max(1, min(workers, len(some))))
    try:
        list(pool.map(lambda one: _check(one, place, tables), some))
    finally:
        tables.end()
        pool.shutdown(cancel_futures=True)


def _todo(suite: Suite, relation: Relation | None, connection: Connection) -> _Todo | Outcome:
    """Sort out what cannot be checked; what can is made an expectation of GX."""
    import psycopg

    problem = suite.problem or ("" if suite.rules else "expected expectations, seen none")
    if relation is None and not problem:
        problem = f"expected a table that is there, seen none of the name {suite.table!r}"
    if problem or relation is None:
        return Outcome(suite, None, Came.UNUSABLE, problem)
    try:
        row = connection.execute(f"SELECT 1 FROM {relation.sql} LIMIT 1".encode()).fetchone()
    except psycopg.Error as error:
        connection.rollback()
        return Outcome(suite, None, Came.UNUSABLE, _refused(error))
    todo = _Todo(suite, relation, is_empty=row is None)
    for number in range(len(suite.rules)):
        if row is None and not suite.allow_empty:
            todo.settle(number, Came.EMPTY, "the table is empty: that proves nothing")
        else:
            _make(todo, number, connection)
    return todo


def _make(todo: _Todo, number: int, connection: Connection) -> None:
    rule = todo.suite.rules[number]
    absent = [name for name in rule.columns if name not in todo.relation.columns]
    if absent:
        seen = f"expected columns that are there, seen none of the name {', '.join(absent)}"
        todo.settle(number, Came.UNUSABLE, seen)
        return
    if vacuous := why_vacuous(rule, may_be_empty=todo.suite.allow_empty):
        todo.settle(number, Came.UNUSABLE, vacuous)
        return
    made = _configuration(rule, number, todo.relation, connection)
    if isinstance(made, str):
        todo.settle(number, Came.UNUSABLE, made)
    else:
        todo.outcomes[number] = Outcome(todo.suite, rule, Came.UNUSABLE, "GX cannot check it")
        todo.expectations[number] = made


def _configuration(rule: Rule, number: int, relation: Relation, connection: Connection) -> Any:  # noqa: ANN401 - GX is not imported for a type
    """Make an expectation as GX takes it; a text says why it cannot be made."""
    import psycopg

    kwargs = dict(rule.kwargs)
    try:
        if rule.type == SQL_RULE:
            sql = str(kwargs.get("unexpected_rows_query", ""))
            kwargs["unexpected_rows_query"] = of_keys_alone(sql, relation, connection)
        return configuration_of(rule, kwargs, {_NUMBER: number})
    except psycopg.Error as error:
        connection.rollback()
        return _refused(error)
    except UnknownRuleError:
        return "expected an expectation that GX knows, seen another type or arguments"


def _refused(error: BaseException) -> str:
    return f"Postgres refuses it: {type(error).__name__}"


def _check(todo: _Todo, place: Place, tables: Tables) -> None:
    try:
        with tables.opened(todo.relation) as todo.batch:
            _check_rules(todo, place)
    except TargetError:
        raise
    except Exception:  # noqa: BLE001 - what has no result stays unusable; the message may quote a row
        return


def _check_rules(todo: _Todo, place: Place) -> None:
    """Count first; then ask for keys where a rule is broken."""
    refused = _count(todo, todo.expectations)
    if len(todo.expectations) > 1:  # one that Postgres refuses takes the others with it
        for number in refused:
            _count(todo, {number: todo.expectations[number]})
    broken = {
        number: todo.expectations[number]
        for number, outcome in todo.outcomes.items()
        if outcome.came is Came.BROKEN and todo.relation.key
    }
    by_sql = {n: e for n, e in broken.items() if todo.suite.rules[n].type == SQL_RULE}
    others = {n: e for n, e in broken.items() if n not in by_sql}
    named = _KEYS | {"unexpected_index_column_names": list(todo.relation.key)}
    for some, form in ((others, named), (by_sql, _ROWS)):
        for number, result in _validated(todo, some, form):
            keys = _keys(result.result or {}, todo.relation, place.personal, todo.suite.table)
            todo.outcomes[number] = replace(todo.outcomes[number], keys=keys)


def _count(todo: _Todo, expectations: dict[int, Any]) -> list[int]:
    """Judge by counts alone; give those that could not be counted."""
    refused = []
    for number, result in _validated(todo, expectations, _COUNTS):
        refusal = refusal_of(result.exception_info or {})
        if refusal:
            refused.append(number)
            todo.settle(number, Came.UNUSABLE, refusal)
        else:
            _judge(todo, number, result)
    return refused


def _validated(
    todo: _Todo, expectations: dict[int, Any], form: dict[str, Any]
) -> list[tuple[int, Any]]:
    from great_expectations.core.expectation_suite import ExpectationSuite

    if not expectations:
        return []
    made = [configuration.to_domain_obj() for configuration in expectations.values()]
    suite = ExpectationSuite(name="rules", expectations=made)
    try:
        results = todo.batch.validate(suite, result_format=form).results
    except Exception:  # noqa: BLE001 - what has no result stays unusable; the message may quote a row
        return []
    return [(result.expectation_config.meta[_NUMBER], result) for result in results]


def _judge(todo: _Todo, number: int, result: Any) -> None:  # noqa: ANN401 - a result of GX
    rule = todo.suite.rules[number]
    figures = figures_of(rule, result.result or {})
    rows, missing = figures.get("element_count"), figures.get("missing_count", 0)
    allowed = todo.suite.allow_empty or rule.allow_empty
    nothing = rows == missing if rows is not None else saw_nothing(rule, result.result or {})
    if result.success and nothing and not allowed:
        seen = "every value is NULL: that proves nothing"
        todo.settle(number, Came.EMPTY, seen, figures=figures)
        return
    came = Came.HOLDS if result.success else Came.BROKEN
    seen = _seen(rule, figures)
    if todo.is_empty:
        seen = "the table is empty, which is allowed"
    todo.settle(number, came, seen, figures=figures)


def _seen(rule: Rule, figures: dict[str, int | float]) -> str:
    rows, against = figures.get("element_count"), figures.get("unexpected_count")
    if rows is not None and against is not None:
        missing = figures.get("missing_count", 0)
        nulls = f", {missing:,} of them NULL" if missing else ""
        return f"{rows:,} rows{nulls}, {against:,} against it"
    if "observed_value" not in figures:
        return "what was seen is withheld: it may be a value of a row"
    observed = f"{figures['observed_value']:,}"
    return f"{observed} rows against it" if rule.type == SQL_RULE else f"{observed} seen"


def _keys(
    result: dict[str, Any], relation: Relation, personal: frozenset[str], table: str
) -> tuple[str, ...]:
    """Name rows: by integers in clear, by anything else or personal in disguise."""
    rows = _rows_of(result, relation.key)[:_SHOWN_KEYS]
    hidden = {name for name in relation.key if f"{table}.{name}" in personal}
    return tuple(
        shown_key(
            relation.key,
            [str(v) if name in hidden else v for name, v in zip(relation.key, row, strict=True)],
        )
        for row in rows
    )


def _rows_of(result: dict[str, Any], key: tuple[str, ...]) -> list[tuple[Any, ...]]:
    found = (result.get("details") or {}).get("unexpected_rows")
    if isinstance(found, list):
        return [tuple(row[name] for name in key) for row in found if set(key) <= row.keys()]
    listed = result.get("partial_unexpected_index_list") or []
    return [
        row
        for one in listed
        if set(key) <= one.keys()
        for row in zip(*(one[name] for name in key), strict=True)
    ]
