"""Does the target do what the source does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.gates.verdict import Verdict

if TYPE_CHECKING:
    from pytest_deploy.behaviour.trial import Behaviour
    from pytest_deploy.transfer.planning import Prepared

_MOST_NAMED = 20


def writes_behave_alike(prepared: Prepared, behaviour: Behaviour) -> Verdict:
    """
    Judge inserts, updates and deletes.

    Args:
        prepared: The plan.
        behaviour: What was compared.

    Returns:
        One problem for each operation that came to something else; what was tried, as figures.
    """
    writes = behaviour.writes
    tried = sum(writes.operations.values())
    measured: dict[str, int | float | str] = {
        "seed": behaviour.seed,
        "role": "one like the app's" if behaviour.role else "the one that connected",
        "ended_early": str(writes.ended_early).lower(),
        "constraints_tried": len(writes.tried),
        "constraints_total": len(writes.tried) + len(writes.untried),
    }
    for group, counts in (
        ("", writes.operations),
        ("refused_by_", writes.refusals),
        ("known_difference_", writes.classes),
    ):
        measured |= {f"{group}{name}": count for name, count in sorted(counts.items())}
    if writes.untried:
        measured["constraints_untried"] = _listed(writes.untried)
    examined = tried + len(prepared.plan.tables) if tried or not _has_columns(prepared) else 0
    return Verdict(examined, "operations and tables", tuple(writes.problems), measured)


def _listed(names: list[str]) -> str:
    more = len(names) - _MOST_NAMED
    return "; ".join(names[:_MOST_NAMED]) + (f"; and {more:,} more" if more > 0 else "")


def _has_columns(prepared: Prepared) -> bool:
    return any(table.written for table in prepared.plan.tables)


def views_show_the_same(prepared: Prepared, behaviour: Behaviour) -> Verdict:
    """
    Judge views.

    Args:
        prepared: The plan.
        behaviour: What was compared.

    Returns:
        One problem for each view that shows something else.
    """
    compared = sum(n for how, n in behaviour.views.items() if how != "of_undefined_order")
    proven = compared if prepared.plan.views else len(prepared.source.schema.tables)
    return Verdict(
        examined=proven,
        unit="views" if prepared.plan.views else "tables without a view",
        problems=tuple(behaviour.view_problems),
        measured={f"views_{how}": count for how, count in sorted(behaviour.views.items())},
    )


def queries_come_to_the_same(prepared: Prepared, behaviour: Behaviour) -> Verdict:
    """
    Judge the app's own statements.

    Args:
        prepared: The plan.
        behaviour: What was compared.

    Returns:
        One problem for each statement that comes to something else; where the app gave none, the
        figures say so.
    """
    compared = behaviour.queries["compared"]
    return Verdict(
        examined=compared or len(prepared.plan.tables),
        unit="statements" if compared else "tables without a statement of the app",
        problems=tuple(behaviour.query_problems),
        measured={"queries": compared or "none given: see [behaviour] queries"},
    )
