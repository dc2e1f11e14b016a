"""Does what refers to uploads refer to Storage, and did nothing else of the source change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.gates.verdict import Verdict
from pytest_deploy.schema.ddl import relation
from pytest_deploy.schema.identifiers import literal, quoted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    import psycopg

    from pytest_deploy.config.files import FilesSettings
    from pytest_deploy.providers.supabase.base import Supabase
    from pytest_deploy.schema.model import SourceSchema, Table
    from pytest_deploy.schema.plan import PlannedTable, SchemaPlan
    from pytest_deploy.transfer.adapting import Adaptation
    from pytest_deploy.transfer.manifest import Manifest
    from pytest_deploy.transfer.references import References
    from pytest_deploy.transfer.rewriting import Rewritten

_REMEDY = "see runbooks/references.md"
_TEXTS = ("text", "json", "jsonb")
_ADDRESS = "/storage/v1/object/"
_BATCH = 500


def references_are_whole(told: Rewritten, manifest: Manifest, settings: FilesSettings) -> Verdict:
    """
    Judge what the source refers to.

    Args:
        told: What was found in it.
        manifest: The files.
        settings: `[files]`.

    Returns:
        One problem for each column that refers to files which are not there, unless that is kept on
        purpose; files that nothing refers to are told.
    """
    problems = tuple(
        f"{column}: {count:,} references to files that are not there"
        for column, count in sorted(told.missing.items())
    )
    return Verdict(
        examined=sum(told.found.values()) + sum(told.missing.values()) + len(manifest.entries),
        unit="references and files",
        problems=problems if settings.missing == "fail" else (),
        measured={
            "found": sum(told.found.values()),
            "missing": sum(told.missing.values()),
            "files_without_reference": len(manifest.entries) - len(told.paths),
        },
        remedy=f"restore the files, mend the rows, or keep them so: [files] missing; {_REMEDY}",
    )


def references_are_rewritten(
    plan: SchemaPlan, project: Supabase, references: References
) -> Verdict:
    """
    Look through every text of the app's tables on the project, also of columns that nobody named.

    Args:
        plan: The plan in its final schema.
        project: The project.
        references: Knows the files, and how the app refers to them.

    Returns:
        One problem for each column with a reference to the app's own folder, or an address of a
        project.
    """
    problems: list[str] = []
    examined = 0
    with project.database.connect() as connection:
        for table in plan.tables:
            for column in table.columns:
                if column.type.sql in _TEXTS:
                    examined += 1
                    problems += _left(connection, plan, table, column.name, references)
    return Verdict(
        examined=examined, unit="columns of text", problems=tuple(problems), remedy=_REMEDY
    )


def nothing_else_is_adapted(adaptation: Adaptation, schema: SourceSchema) -> Verdict:
    """
    Compare the copy that is deployed with the snapshot, cell by cell.

    Args:
        adaptation: Both, and which columns may differ.
        schema: What the copy declares.

    Returns:
        One problem for each table with another row or another cell.
    """
    problems, cells = [], 0
    connection = adaptation.snapshot.connect()
    connection.execute(f"ATTACH {literal(adaptation.raw.uri)} AS raw")
    try:
        for table in schema.tables:
            compared, different = _compared(connection, table, adaptation.columns)
            cells += compared
            if different:
                problems.append(f"{table.name}: {different:,} rows are others than in the source")
    finally:
        connection.close()
    return Verdict(
        examined=cells,
        unit="cells",
        problems=tuple(problems),
        measured={"values_changed": adaptation.changed},
        remedy=_REMEDY,
    )


def _left(
    connection: psycopg.Connection,
    plan: SchemaPlan,
    table: PlannedTable,
    column: str,
    references: References,
) -> Iterator[str]:
    old, absolute = 0, 0
    for text in _texts(connection, plan, table, column, references.stems):
        old += any(one.path is not None for one in references.find(text))
        absolute += _ADDRESS in text
    name = f"{table.source.name}.{column}"
    if old:
        yield f"{name}: {old:,} rows still refer to the uploads folder"
    if absolute:
        yield f"{name}: {absolute:,} rows hold an address of a project, which may move"


def _texts(
    connection: psycopg.Connection,
    plan: SchemaPlan,
    table: PlannedTable,
    column: str,
    stems: tuple[str, ...],
) -> Iterator[str]:
    """Read what may hold a reference; the server looks for what begins one."""
    value = f"{quoted(column)}::text"
    wanted = " OR ".join(f"strpos({value}, %s) > 0" for _ in (*stems, _ADDRESS))
    with connection.cursor(name="deploy_references") as cursor:
        cursor.itersize = _BATCH
        cursor.execute(
            f"SELECT {value} FROM {relation(plan, table.name)} WHERE {wanted}".encode(),
            (*stems, _ADDRESS),
        )
        for (text,) in cursor:
            yield text


def _compared(
    connection: sqlite3.Connection, table: Table, may_differ: frozenset[tuple[str, str]]
) -> tuple[int, int]:
    names = [one.name for one in table.columns if (table.name, one.name) not in may_differ]
    known = {row[1] for row in connection.execute(f"PRAGMA raw.table_xinfo({quoted(table.name)})")}
    shared = [quoted(name) for name in names if name in known]
    listed = ", ".join(f"typeof({name}), CAST({name} AS BLOB)" for name in shared)
    here, there = (
        f"SELECT {listed} FROM {schema}.{quoted(table.name)}" for schema in ("main", "raw")
    )
    different = connection.execute(
        f"SELECT (SELECT count(*) FROM ({here} EXCEPT {there}))"
        f" + (SELECT count(*) FROM ({there} EXCEPT {here}))"
        f" + abs((SELECT count(*) FROM main.{quoted(table.name)})"
        f" - (SELECT count(*) FROM raw.{quoted(table.name)}))"
    ).fetchone()[0]
    rows = connection.execute(f"SELECT count(*) FROM main.{quoted(table.name)}").fetchone()[0]
    return rows * len(shared), different
