"""Makes the plan as `schema.lock` froze it: what data decided once, new data do not change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pytest_deploy.findings import Finding, Severity, in_order
from pytest_deploy.schema.lock import SchemaLock, lock_of
from pytest_deploy.schema.lock_text import RENEW, LockFile, lock_differences, unused_remedies
from pytest_deploy.schema.plan import PlannedIndex, PlannedTerm
from pytest_deploy.schema.remedies import LockedRemedies, Remedies
from pytest_deploy.transfer.planning import Prepared, prepare
from pytest_deploy.transfer.trial import tried

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_deploy.config import Settings
    from pytest_deploy.providers.postgres.base import Target
    from pytest_deploy.schema.lock import LockedIndex, LockedTable
    from pytest_deploy.schema.plan import PlannedKey, PlannedTable
    from pytest_deploy.transfer.planning import Source

_NONE_YET = f"no schema.lock yet, so new rows may change the schema; freeze it: {RENEW}"


@dataclass(frozen=True)
class Frozen:
    """
    A plan, and how it stands to its lock.

    Args:
        file: The lock as it was found.
        prepared: The plan in force: the lock's, where there is one.
        now: What would be frozen now.
        unsettled: Blockers for which nobody has chosen a remedy that could be frozen.
        differences: What the lock says and the source no longer gives; none where it is current.
    """

    file: LockFile
    prepared: Prepared
    now: SchemaLock
    unsettled: tuple[Finding, ...] = ()
    differences: tuple[str, ...] = ()

    @property
    def unused(self) -> int:
        """How many remedies of the lock settle nothing any longer."""
        lock = self.file.lock
        return len(unused_remedies(lock, self.now)) if lock is not None else 0

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was found while planning, and a note where a lock could be and is not."""
        found = self.prepared.plan.findings
        if self.file.path is None or self.file.lock is not None or self.file.problem:
            return found
        note = Finding("no_schema_lock", Severity.NOTE, self.file.path.name, _NONE_YET)
        return (*found, note)


def prepare_frozen(
    source: Source,
    target: Target,
    settings: Settings,
    file: LockFile,
    *,
    accept: bool,
    folder: Path,
) -> Frozen:
    """
    Plan a deployment as its lock says; freely first, since that tells whether the lock is current.

    Args:
        source: What is to be deployed.
        target: Where to; its Postgres decides what fits an index.
        settings: The configuration.
        file: The lock, where there is one.
        accept: Whether suggested remedies are accepted.
        folder: A folder of this run, for what planning keeps on disk.

    Returns:
        The plan and the lock's differences. Under a lock that is current both plans are the same
        one; under a stale one the lock's types and remedies are in force.

    Raises:
        TransferError: The target could not be used.
    """
    schema, zone = settings.schema_.name, ZoneInfo(settings.source.timezone)
    remedies = Remedies(settings, accept=accept, lock=file.lock)
    free = prepare(source, target, remedies, schema=schema, zone=zone, folder=folder)
    now, lock = lock_of(free.plan), file.lock
    unsettled = tuple(finding for finding in free.plan.findings if finding.blocks)
    differences = lock_differences(lock, now) if lock is not None else ()
    if lock is None or not differences:
        return Frozen(file, free, now, unsettled)
    again = folder / "locked"
    again.mkdir(mode=0o700)
    remedies = LockedRemedies(settings, lock)
    locked = prepare(source, target, remedies, schema=schema, zone=zone, folder=again)
    tables = tuple(_as_locked(t, lock.tables.get(t.source.name)) for t in locked.plan.tables)
    plan, refused = tried(replace(locked.plan, tables=tables), target)
    findings = in_order(tuple(dict.fromkeys((*plan.findings, *refused))))
    prepared = replace(locked, plan=replace(plan, findings=findings))
    return Frozen(file, prepared, now, unsettled, differences)


def _as_locked(table: PlannedTable, locked: LockedTable | None) -> PlannedTable:
    """Relax what the lock relaxes, also where the rows no longer ask for it; no more than that."""
    if locked is None:
        return table
    columns = tuple(
        replace(one, not_null=one.not_null and locked.columns[one.source.name].not_null)
        if one.source.name in locked.columns
        else one
        for one in table.columns
    )
    foreign_keys = tuple(
        replace(one, validated=locked.foreign_keys[one.name].validated)
        if one.name in locked.foreign_keys
        else one
        for one in table.foreign_keys
    )
    checks = tuple(
        replace(one, validated=locked.checks[one.name].validated)
        if one.name in locked.checks
        else one
        for one in table.checks
    )
    return _with_keys(
        replace(table, columns=columns, foreign_keys=foreign_keys, checks=checks), locked
    )


def _with_keys(table: PlannedTable, locked: LockedTable) -> PlannedTable:
    """Keep keys keys and indexes as long as the lock has them, whatever the rows are now."""
    key = table.primary_key
    keys = [*([key] if key is not None else []), *table.uniques]
    moved = [one for one in keys if one.name in locked.indexes]
    indexes = [_index_of(one, locked.indexes[one.name]) for one in moved]
    indexes += [_shortened(one, locked.indexes.get(one.name)) for one in table.indexes]
    return replace(
        table,
        primary_key=None if key in moved else key,
        uniques=tuple(one for one in table.uniques if one not in moved),
        indexes=tuple(indexes),
    )


def _index_of(key: PlannedKey, locked: LockedIndex) -> PlannedIndex:
    terms = tuple(PlannedTerm(column) for column in key.columns)
    return _shortened(PlannedIndex(key.name, terms, unique=True), locked)


def _shortened(index: PlannedIndex, locked: LockedIndex | None) -> PlannedIndex:
    if locked is None or len(locked.terms) != len(index.terms):
        return index
    pairs = zip(index.terms, locked.terms, strict=True)
    return replace(index, terms=tuple(replace(t, shortened=k.shortened) for t, k in pairs))
