"""Plants a defect by SQL on the rehearsal's database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_deploy.twins.twin import NotApplicable

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg
    import pytest

    from pytest_deploy.transfer.planning import Prepared
    from pytest_deploy.twins.twin import Plant

    OnTarget = Callable[[psycopg.Connection, Prepared], None]

_CHANGES_ROWS = ("INSERT", "UPDATE", "DELETE", "MERGE")


def in_target(*statements: str) -> Plant:
    """
    Plant a defect by statements of your own.

    Args:
        statements: SQL for Postgres; they run in one transaction, in this order.

    Returns:
        What a `RedTwin` takes as `plant`. It is not applicable where none of them finds a row.
    """

    def plant(connection: psycopg.Connection, _prepared: Prepared) -> None:
        done = [connection.execute(statement.encode()) for statement in statements]
        changing = [one for one in done if (one.statusmessage or "").startswith(_CHANGES_ROWS)]
        if changing and len(changing) == len(done) and not any(one.rowcount for one in changing):
            raise NotApplicable("no row is as the statements expect it")

    return on_target(plant)


def on_target(change: OnTarget) -> Plant:
    """
    Plant a defect by code that looks at the plan and changes the target.

    Args:
        change: Gets a connection to the target, in a transaction, and the plan.

    Returns:
        What a `RedTwin` takes as `plant`.
    """

    def plant(request: pytest.FixtureRequest, _value: Any) -> None:  # noqa: ANN401 - any fixture's
        prepared = request.getfixturevalue("prepared")
        with prepared.transfer.target.connect() as connection:
            change(connection, prepared)

    return plant
