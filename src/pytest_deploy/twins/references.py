"""Defects of what refers to uploads."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_deploy.schema.ddl import relation
from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.twins.twin import NotApplicable, RedTwin

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from pytest_deploy.schema.plan import SchemaPlan
    from pytest_deploy.transfer.adapting import Adaptation
    from pytest_deploy.transfer.rewriting import Rewritten

_COPY = "defective.db"


def _in_a_text(written: Callable[[str], str]) -> Callable[[pytest.FixtureRequest, Any], None]:
    """Write a reference into the first row that has room for it: a text that may be anything."""

    def plant(request: pytest.FixtureRequest, _value: object) -> None:
        settings = request.getfixturevalue("deploy").settings.storage
        project, manifest = map(request.getfixturevalue, ("supabase", "manifest"))
        if project is None or manifest is None or not manifest.entries:
            raise NotApplicable("no file goes to Storage")
        table, column = _text_of(request.getfixturevalue("prepared").plan, settings.texts)
        reference = written(f"{settings.prefixes[0]}{manifest.entries[0].path}")
        name = relation(request.getfixturevalue("prepared").plan, table)
        with project.database.connect() as connection:
            connection.execute(
                f"UPDATE {name} SET {quoted(column)} = %s"
                f" WHERE ctid = (SELECT min(ctid) FROM {name})".encode(),
                (reference,),
            )

    return plant


def _text_of(plan: SchemaPlan, texts: tuple[str, ...]) -> tuple[str, str]:
    for table in plan.tables:
        for column in table.written:
            if f"{table.source.name}.{column.source.name}" in texts:
                return table.name, column.name
    raise NotApplicable("no column of texts is named in [files] texts")


def _missing(_request: pytest.FixtureRequest, told: Rewritten | None) -> Rewritten:
    if told is None:
        raise NotApplicable("nothing is rewritten")
    missing = told.missing.copy()
    missing.update({"una.columna": 1})
    return replace(told, missing=missing)


def _another_cell(_request: pytest.FixtureRequest, adaptation: Adaptation) -> Adaptation:
    """Change a cell that nobody named."""
    import shutil
    import sqlite3
    from contextlib import closing

    if not adaptation.changes:
        raise NotApplicable("nothing is adapted")
    path: Path = adaptation.snapshot.path.with_name(_COPY)
    shutil.copyfile(adaptation.snapshot.path, path)
    named = {table for table, _ in adaptation.columns}
    with closing(sqlite3.connect(path)) as connection, connection:
        for table, column in _texts_of_source(connection):
            if (
                table not in named
                and connection.execute(
                    f"UPDATE {quoted(table)} SET {quoted(column)} = {quoted(column)} || '.'"
                    f" WHERE rowid = (SELECT min(rowid) FROM {quoted(table)})"
                ).rowcount
            ):
                break
        else:
            raise NotApplicable("no other table has a text")
    return replace(adaptation, snapshot=replace(adaptation.snapshot, path=path))


def _texts_of_source(connection: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - sqlite3's
    return [
        (table, column)
        for (table,) in connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
        for _, column, kind, not_null, default, key in connection.execute(
            f"PRAGMA table_info({quoted(table)})"
        )
        if kind.upper().startswith(("TEXT", "VARCHAR")) and not key and default is None
    ]


REFERENCES: tuple[RedTwin, ...] = (
    RedTwin(
        gate="references_are_whole",
        after="references_told",
        plant=_missing,
        replaces=True,
        defect="reference to a file that is not there",
    ),
    RedTwin(
        gate="nothing_else_is_adapted",
        after="adaptation",
        plant=_another_cell,
        replaces=True,
        defect="cell changed that nobody named",
    ),
    RedTwin(
        gate="references_are_rewritten",
        after="access_granted",
        plant=_in_a_text(lambda path: f'<p><a href="{path}">archivo</a></p>'),
        defect="reference not rewritten in HTML",
    ),
    RedTwin(
        gate="references_are_rewritten",
        after="access_granted",
        plant=_in_a_text(
            lambda _path: '<img src="https://x.supabase.co/storage/v1/object/public/a/b.png">'
        ),
        defect="address of a project in a row",
    ),
)
