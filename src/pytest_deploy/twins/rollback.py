"""Defects of the way back: it forgets something, or loses what people have written."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_deploy.carrying.writing import writing
from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.twins.twin import NotApplicable, RedTwin

if TYPE_CHECKING:
    import pytest

_CARRIED = "what_was_written_is_carried_back"


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


def _row_not_carried(_request: pytest.FixtureRequest, copy: Any) -> None:  # noqa: ANN401 - any
    written = [one for one in copy.rows if one.added]
    if not written:
        raise NotApplicable("no row was carried back")
    with writing(copy.database, copy.base.adaptation.raw) as connection:
        name = quoted(written[0].table)
        (identity, *_) = copy.base.prepared.plan.table(written[0].table).source.identity
        first = f"(SELECT max({quoted(identity)}) FROM {name})"
        connection.execute(f"DELETE FROM {name} WHERE {quoted(identity)} = {first}")


def _file_not_carried(_request: pytest.FixtureRequest, copy: Any) -> None:  # noqa: ANN401 - any
    if copy.files is None or not copy.files.digests:
        raise NotApplicable("no file was carried back")
    (copy.files.folder / min(copy.files.digests)).unlink()


def _password_not_carried(_request: pytest.FixtureRequest, copy: Any) -> None:  # noqa: ANN401 - any
    users = copy.base.settings.auth
    if users is None:
        raise NotApplicable("nobody signs in")
    with writing(copy.database, copy.base.adaptation.raw) as connection:
        connection.execute(
            f"UPDATE {quoted(users.table)} SET {quoted(users.password_hash)} = 'former'"
        )


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
    RedTwin(_CARRIED, "rehearsed_copy", _row_not_carried, defect="row not carried back"),
    RedTwin(_CARRIED, "rehearsed_copy", _file_not_carried, defect="file not carried back"),
    RedTwin(_CARRIED, "rehearsed_copy", _password_not_carried, defect="password not carried back"),
)
