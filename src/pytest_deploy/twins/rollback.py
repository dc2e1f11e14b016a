"""Defects of the way back: it forgets something, or loses what people have written."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_deploy.twins.twin import NotApplicable, RedTwin

if TYPE_CHECKING:
    import pytest


def _table_forgotten(_request: pytest.FixtureRequest, drilled: Any) -> None:  # noqa: ANN401 - any
    if drilled is None:
        raise NotApplicable("nothing is backed up")
    with drilled.project.database.connect() as connection:
        connection.execute(
            "DELETE FROM deploy.undo WHERE id = (SELECT max(id) FROM deploy.undo"
            " WHERE step = 'publish_release' AND statement LIKE 'ALTER TABLE % SET SCHEMA %')"
        )


def _row_not_kept(_request: pytest.FixtureRequest, found: Any) -> Any:  # noqa: ANN401 - any fixture's
    if found is None or not found.kept:
        raise NotApplicable("nothing was published")
    return replace(found, kept=dict.fromkeys(found.kept, "0 0 0"))


ROLLBACK: tuple[RedTwin, ...] = (
    RedTwin(
        "rollback_leads_back",
        "drilled",
        _table_forgotten,
        defect="rollback that forgets one table",
    ),
    RedTwin(
        "what_was_written_is_kept",
        "rolled_back",
        _row_not_kept,
        replaces=True,
        defect="rollback that keeps no row",
    ),
)
