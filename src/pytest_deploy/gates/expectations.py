"""Are the rows, and their number, what the app's rules say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.gates.verdict import Check, CheckState, Verdict
from pytest_deploy.validation.outcome import Came

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_deploy.validation.outcome import Outcome
    from pytest_deploy.validation.volume import Counted

_STATES = {
    Came.HOLDS: CheckState.HOLDS,
    Came.BROKEN: CheckState.FAILS,
    Came.EMPTY: CheckState.UNPROVEN,
    Came.UNUSABLE: CheckState.UNPROVEN,
}
_REMEDY = "mend the rows in the source, or the rule; see runbooks/expectation-fails.md"
_NO_SUITES = "none given: python -m pytest_deploy expectations draft"
_NO_BOUNDS = "none given: see meta.volume"


def expectations_hold(outcomes: Sequence[Outcome], tables: int, docs: str = "") -> Verdict:
    """
    Judge the app's rules, one check for each.

    Args:
        outcomes: From `run_suites`.
        tables: Tables that there are.
        docs: The first page of the Data Docs, relative to the release's folder; empty for none.

    Returns:
        One problem for each rule that is broken or cannot be checked; a rule over nothing is a
        check that proves nothing. Where the app gave no suites, the figures say so.
    """
    if not outcomes:
        return Verdict(tables, "tables without a suite", measured={"suites": _NO_SUITES})
    came = [outcome.came for outcome in outcomes]
    return Verdict(
        examined=came.count(Came.HOLDS) + came.count(Came.BROKEN),
        unit="expectations",
        problems=tuple(map(_problem, filter(_closes, outcomes))),
        measured={
            "suites": len({outcome.suite.path for outcome in outcomes}),
            **{f"expectations_{one.name.lower()}": came.count(one) for one in Came},
        },
        checks=tuple(Check(o.name, _STATES[o.came], _seen(o)) for o in outcomes),
        evidence=(docs,) if docs else (),
        remedy=_REMEDY,
    )


def _closes(outcome: Outcome) -> bool:
    return outcome.came in (Came.BROKEN, Came.UNUSABLE)


def _problem(outcome: Outcome) -> str:
    if outcome.rule is None:
        return f"{outcome.suite.path.name}: cannot be used: {outcome.seen}"
    seen = f": {_seen(outcome)}" if _seen(outcome) else ""
    return f"{outcome.suite.path.name}, {outcome.name}: {outcome.came.value}{seen}"


def _seen(outcome: Outcome) -> str:
    return ": ".join(filter(None, (outcome.seen, ", ".join(outcome.keys))))


def volumes_are_within_bounds(counted: Sequence[Counted], tables: int) -> Verdict:
    """
    Judge the number of rows of the tables whose suites bound it.

    Args:
        counted: From `count_volumes`.
        tables: Tables that there are.

    Returns:
        One problem for each table with too few or too many rows; one whose source is not known is
        a check that proves nothing. Where no suite names bounds, the figures say so.
    """
    if not counted:
        return Verdict(tables, "tables without bounds", measured={"bounds": _NO_BOUNDS})
    checks = tuple(map(_check, counted))
    return Verdict(
        examined=sum(check.state is not CheckState.UNPROVEN for check in checks),
        unit="tables",
        problems=tuple(_outside(checks)),
        checks=checks,
        remedy=_REMEDY,
    )


def _check(one: Counted) -> Check:
    bounds = one.suite.volume
    assert bounds is not None
    least, most = bounds.least, bounds.most
    named = f"at least {least:g}" + (f" and at most {most:g}" if most != float("inf") else "")
    name = f"{one.suite.table}: {named} times the source's rows"
    if one.rows is None:
        return Check(name, CheckState.UNPROVEN, "its rows could not be counted")
    if one.source is None:
        seen = "the source has no such table, or is not here: name it with --source"
        return Check(name, CheckState.UNPROVEN, seen)
    within = least * one.source <= one.rows <= (most * one.source if one.source else 0)
    state = CheckState.HOLDS if within else CheckState.FAILS
    return Check(name, state, f"{one.rows:,} rows, {one.source:,} in the source")


def _outside(checks: Sequence[Check]) -> Iterator[str]:
    for check in checks:
        if check.state is CheckState.FAILS:
            yield f"{check.name}: {check.seen}"
