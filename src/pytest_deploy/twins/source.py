"""Defects of the machine, the source, what is known of it, and its lock."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_deploy.findings import Finding, Severity
from pytest_deploy.twins.twin import NotApplicable, RedTwin

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from pytest_deploy.providers.postgres.base import Server
    from pytest_deploy.schema.lock import LockedTable, SchemaLock
    from pytest_deploy.schema.lock_text import LockFile
    from pytest_deploy.schema.plan import PlannedTable, SchemaPlan
    from pytest_deploy.transfer.planning import Prepared, Source
    from pytest_deploy.twins.twin import Plant
    from pytest_deploy.workspace import Workspace

_TOO_OLD = 14
_LARGER_THAN_DISKS = 2**60
_COUNT_OF_FREE_PAGES = 36  # its place in a file's header, https://www.sqlite.org/fileformat.html
_WIDTH = 4
_LOCK = "schema_lock_is_current"


def _older_server(_request: pytest.FixtureRequest, server: Server) -> Server:
    return replace(server, major=_TOO_OLD)


def _larger_source(_request: pytest.FixtureRequest, source: Source) -> Source:
    return replace(source, snapshot=replace(source.snapshot, size_bytes=_LARGER_THAN_DISKS))


def _damaged_source(_request: pytest.FixtureRequest, source: Source) -> Source:
    """Let the header count a free page that is not there, and SQLite check the file again."""
    from pytest_deploy.transfer.snapshot import take

    path = source.snapshot.path
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.seek(_COUNT_OF_FREE_PAGES)
        count = int.from_bytes(file.read(_WIDTH), "big")
        file.seek(_COUNT_OF_FREE_PAGES)
        file.write((count + 1).to_bytes(_WIDTH, "big"))
    return replace(source, snapshot=take(path, path.with_name("damaged"), uploads=None))


def _unsettled(_request: pytest.FixtureRequest, prepared: Prepared) -> Prepared:
    """Forget who settled the blockers; where there is none, add one."""
    found = tuple(
        replace(finding, settled_by=None) if finding.severity is Severity.BLOCKER else finding
        for finding in prepared.plan.findings
    )
    if not any(finding.blocks for finding in found):
        message = "planted by a red twin: nobody has chosen a remedy"
        found = (*found, Finding("unsettled", Severity.BLOCKER, "a blocker", message))
    return replace(prepared, plan=replace(prepared.plan, findings=found))


def _forgotten(_request: pytest.FixtureRequest, prepared: Prepared) -> Prepared:
    """Lose an object without a word: with its finding, or from the plan."""
    from pytest_deploy.schema.diff import unaccounted

    silent = replace(prepared.plan, findings=())
    if not unaccounted(silent, ()):
        silent = _less(prepared.plan)
    return replace(prepared, plan=silent)


def _less(plan: SchemaPlan) -> SchemaPlan:
    """Leave out a trigger, a view, or what a table has; where there is nothing, a table."""
    if plan.triggers:
        return replace(plan, triggers=plan.triggers[1:])
    if plan.views:
        return replace(plan, views=plan.views[:-1])
    for number, table in enumerate(plan.tables):
        poorer = _poorer(table)
        if poorer is not None:
            before, after = plan.tables[:number], plan.tables[number + 1 :]
            return replace(plan, tables=(*before, poorer, *after))
    if not plan.tables:
        raise NotApplicable("the source has no object")
    return replace(plan, tables=plan.tables[:-1])


def _poorer(table: PlannedTable) -> PlannedTable | None:
    if any(index.source is not None and not index.source.constraint for index in table.indexes):
        return replace(table, indexes=())
    if table.checks:
        return replace(table, checks=())
    return None


def _other_type(request: pytest.FixtureRequest, found: LockFile) -> LockFile:
    """Freeze a column with a type that is not the one it has."""
    from pytest_deploy.schema.lock import LockedColumn, LockedTable
    from pytest_deploy.schema.model import Affinity

    schema = request.getfixturevalue("source").schema
    texts = [
        (table.name, column.name)
        for table in schema.tables
        for column in table.columns
        if column.affinity is Affinity.TEXT and column.name not in table.primary_key
    ]
    if not texts:
        raise NotApplicable("the source has no column of texts")
    (table, column), lock = texts[-1], found.lock or _empty_lock()
    frozen = LockedColumn(type="bigint")
    before = lock.tables.get(table, LockedTable())
    columns = before.model_copy(update={"columns": {**before.columns, column: frozen}})
    return _with_tables(request, found, lock, {**lock.tables, table: columns})


def _other_table(request: pytest.FixtureRequest, found: LockFile) -> LockFile:
    """Freeze a table that the source does not have."""
    from pytest_deploy.schema.lock import LockedTable

    lock = found.lock or _empty_lock()
    tables = {**lock.tables, "planted by a red twin": LockedTable()}
    return _with_tables(request, found, lock, tables)


def _empty_lock() -> SchemaLock:
    from pytest_deploy.schema.lock import SchemaLock

    return SchemaLock.model_validate({"format": 1, "schema": "public"}, by_alias=True)


def _with_tables(
    request: pytest.FixtureRequest,
    found: LockFile,
    lock: SchemaLock,
    tables: dict[str, LockedTable],
) -> LockFile:
    changed = lock.model_copy(update={"tables": tables})
    return replace(found, path=found.path or _beside(request), lock=changed)


def _written(text: str) -> Plant:
    """Leave a lock of this text."""

    def plant(request: pytest.FixtureRequest, _found: LockFile) -> LockFile:
        from pytest_deploy.schema.lock_text import find_lock

        path = _beside(request)
        path.write_text(text, encoding="utf-8")
        return find_lock(path)

    return plant


def _beside(request: pytest.FixtureRequest) -> Path:
    workspace: Workspace = request.getfixturevalue("workspace")
    return workspace.child("planted") / "schema.lock"


SOURCE = (
    RedTwin(
        "tools_are_recent", "postgres_server", _older_server, replaces=True, defect="older server"
    ),
    RedTwin(
        "disk_is_large_enough", "source", _larger_source, replaces=True, defect="larger source"
    ),
    RedTwin("source_is_intact", "source", _damaged_source, replaces=True, defect="damaged source"),
    RedTwin(
        "blockers_in_the_source_are_settled",
        "prepared",
        _unsettled,
        replaces=True,
        defect="finding that nobody settled",
    ),
    RedTwin(
        "nothing_is_lost_silently",
        "prepared",
        _forgotten,
        replaces=True,
        defect="object forgotten without a finding",
    ),
    RedTwin(_LOCK, "schema_lock", _other_type, replaces=True, defect="lock with another type"),
    RedTwin(_LOCK, "schema_lock", _other_table, replaces=True, defect="lock with another table"),
    RedTwin(
        _LOCK,
        "schema_lock",
        _written("format = 2\n"),
        replaces=True,
        defect="lock of another format",
    ),
    RedTwin(
        _LOCK, "schema_lock", _written("no toml"), replaces=True, defect="lock that is no TOML"
    ),
)
