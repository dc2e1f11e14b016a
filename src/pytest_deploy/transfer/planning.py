"""Makes the plan: reads the snapshot, weighs what it finds, and tries it on the target."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_deploy.errors import SourceError
from pytest_deploy.findings import Finding, Severity, in_order
from pytest_deploy.schema.columns import choose_types, notes_on, plan_columns, uses_of_columns
from pytest_deploy.schema.constraints import (
    Relaxed,
    foreign_keys_that_cannot_be,
    plan_table,
    without_dropped,
)
from pytest_deploy.schema.identifiers import Names, fitted
from pytest_deploy.schema.joined import alike
from pytest_deploy.schema.plan import PlannedTable, SchemaPlan
from pytest_deploy.schema.programs import plan_programs
from pytest_deploy.schema.relations import formula_not_kept
from pytest_deploy.schema.sqlite import read_schema
from pytest_deploy.schema.translation.expressions import Context
from pytest_deploy.schema.translation.scope import Database
from pytest_deploy.schema.unreadable import on_unreadable
from pytest_deploy.schema.wanted import quieted, settings_of_nothing
from pytest_deploy.transfer.defects import Defects
from pytest_deploy.transfer.exclusions import ExclusionWriter
from pytest_deploy.transfer.index_fit import settle_large_rows
from pytest_deploy.transfer.profiles import profile_all
from pytest_deploy.transfer.row_fit import may_be_too_large, rows_too_large
from pytest_deploy.transfer.rows import Transfer
from pytest_deploy.transfer.sqlite_file import WHERE, decoys
from pytest_deploy.transfer.trial import tried

if TYPE_CHECKING:
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from pytest_deploy.providers.postgres.base import Target
    from pytest_deploy.schema.model import SourceSchema
    from pytest_deploy.schema.profile import TableProfile
    from pytest_deploy.schema.remedies import Remedies
    from pytest_deploy.schema.types import TypeChoice
    from pytest_deploy.transfer.exclusions import Exclusions
    from pytest_deploy.transfer.snapshot import Snapshot


@dataclass(frozen=True)
class Source:
    """
    A snapshot and what is known of it.

    Args:
        database: The original, for messages.
        snapshot: The snapshot.
        schema: What it declares.
        profiles: What it holds, by table name.
    """

    database: Path
    snapshot: Snapshot
    schema: SourceSchema
    profiles: dict[str, TableProfile]

    @property
    def rows(self) -> int:
        """All rows of all tables."""
        return sum(profile.rows for profile in self.profiles.values())


@dataclass(frozen=True)
class Prepared:
    """
    All that steps need.

    Args:
        source: The source.
        plan: What will stand in Postgres, with every finding.
        transfer: From where to where, and what stays behind.
    """

    source: Source
    plan: SchemaPlan
    transfer: Transfer


def read_source(database: Path, snapshot: Snapshot, *, workers: int = 0) -> Source:
    """
    Read what a snapshot declares and holds.

    Args:
        database: The original.
        snapshot: Its snapshot.
        workers: Processes; 0 for as many as there are cores, at most eight.

    Returns:
        The source.

    Raises:
        SourceError: It is damaged where its schema or its rows are.
    """
    try:
        schema = read_schema(snapshot.connect())
        profiles = profile_all(snapshot, schema.tables, workers=workers)
    except sqlite3.DatabaseError as error:
        raise _unreadable(database, error) from None
    return Source(database, snapshot, schema, profiles)


def _unreadable(database: Path, error: sqlite3.DatabaseError) -> SourceError:
    code = getattr(error, "sqlite_errorname", "SQLITE_ERROR")  # the text may quote a row
    return SourceError(
        f"database {database}",
        problem=f"expected rows that can be read, SQLite cannot read them ({code})",
        where=WHERE,
        remedy="restore it from a backup, or save what can be saved: sqlite3 file .recover",
    )


def prepare(
    source: Source, target: Target, remedies: Remedies, *, schema: str, zone: ZoneInfo, folder: Path
) -> Prepared:
    """
    Plan the deployment of a source to a target.

    Args:
        source: What is to be deployed.
        target: Where to; its Postgres decides what fits an index.
        remedies: Decides what is done about findings.
        schema: The Postgres schema.
        zone: The zone of dates that name none.
        folder: Where the list of exclusions may be kept, beside the snapshot.

    Returns:
        The plan.

    Raises:
        TransferError: The target could not be used.
    """
    relaxed = Relaxed()
    writer = ExclusionWriter(source.snapshot.connect(), folder / "exclusions.db", source.schema)
    defects = Defects(source.snapshot, source.schema, remedies, writer, relaxed)
    choices = _settle_columns(source, defects, remedies)
    structural = _settle_foreign_keys(source, choices, remedies, relaxed)
    defects.settle_orphans()
    context = Context(Database(schema), zone.key)
    columns, on_columns = _plan_columns(source, choices, defects, relaxed, context)
    for table in columns:
        defects.settle_checks(table, context)
    here, there = source.snapshot.for_workers, (target, schema, zone)
    for table in filter(may_be_too_large, columns):
        transfer = Transfer(here, writer.so_far(), *there)
        defects.settle_large_rows(table.source, rows_too_large(transfer, table))
    defects.follow_references()
    transfer = Transfer(here, writer.close(), *there)
    columns, emptied = _without_formulas(columns, transfer.exclusions)
    names = _names_of_relations(columns, source.schema)
    tables: list[PlannedTable] = []
    findings = [*defects.findings, *structural, *on_columns, *emptied]
    for table in columns:
        planned, found = plan_table(
            table.source, table.columns, source.schema, relaxed, names, context
        )
        profile = source.profiles[table.source.name]
        planned, left_out = without_dropped(planned, remedies)
        planned, too_large = settle_large_rows(transfer, planned, profile, remedies)
        tables.append(planned)
        findings += found + left_out + too_large
    findings += _on_decoys(source)
    findings += [finding for table in source.schema.tables for finding in on_unreadable(table)]
    plan = SchemaPlan(schema, target.major, source.schema, tuple(tables))
    plan, on_programs = plan_programs(plan, context, names, remedies)
    plan, refused = tried(plan, target)
    findings = quieted([*findings, *on_programs, *refused], remedies)
    findings += settings_of_nothing(plan, findings, remedies)
    return Prepared(source, replace(plan, findings=in_order(tuple(findings))), transfer)


def _settle_columns(
    source: Source, defects: Defects, remedies: Remedies
) -> dict[str, dict[str, TypeChoice]]:
    uses = uses_of_columns(source.schema)
    chosen = {
        table.name: choose_types(table, source.profiles[table.name], uses, remedies)
        for table in source.schema.tables
    }
    chosen = alike(chosen, source.schema)
    settled: dict[str, dict[str, TypeChoice]] = {}
    for table in source.schema.tables:
        profile = source.profiles[table.name]
        settled[table.name] = defects.settle_unfit_values(table, profile, chosen[table.name])
        defects.settle_nulls(table, profile)
    return alike(settled, source.schema)  # a column that was widened takes others along


def _settle_foreign_keys(
    source: Source,
    choices: dict[str, dict[str, TypeChoice]],
    remedies: Remedies,
    relaxed: Relaxed,
) -> list[Finding]:
    kinds = {
        (table, column): choice.target.kind
        for table, of_table in choices.items()
        for column, choice in of_table.items()
    }
    findings, dropped = foreign_keys_that_cannot_be(source.schema, kinds, remedies)
    relaxed.dropped_foreign_keys.update(dropped)
    return findings


def _plan_columns(
    source: Source,
    choices: dict[str, dict[str, TypeChoice]],
    defects: Defects,
    relaxed: Relaxed,
    context: Context,
) -> tuple[list[PlannedTable], list[Finding]]:
    tables: list[PlannedTable] = []
    findings: list[Finding] = []
    for table in source.schema.tables:
        of_table = choices[table.name]
        nullable = frozenset(defects.nullable[table.name])
        keyed = table.name not in relaxed.keys_without_primary
        columns, found = plan_columns(table, of_table, context, nullable=nullable, keyed=keyed)
        findings += notes_on(table, source.profiles[table.name], of_table) + found
        tables.append(PlannedTable(fitted(table.name), table, columns))
    return tables, findings


def _without_formulas(
    tables: list[PlannedTable], left_out: Exclusions
) -> tuple[list[PlannedTable], list[Finding]]:
    """Give up formulas where cells stay behind: they would be computed without them."""
    done: list[PlannedTable] = []
    findings: list[Finding] = []
    for table in tables:
        if not left_out.cells_of(table.source.name):
            done.append(table)
            continue
        kept = tuple(replace(column, generated=None) for column in table.columns)
        done.append(replace(table, columns=kept))
        findings += [
            formula_not_kept(
                f"{table.source.name}.{c.source.name}", "cells of its rows stay behind"
            )
            for c in table.columns
            if c.generated is not None
        ]
    return done, findings


def _names_of_relations(tables: list[PlannedTable], schema: SourceSchema) -> Names:
    """Reserve the names of tables and views, and of the sequences that Postgres makes."""
    names = Names()
    for view in schema.views:
        names.take(view.name)
    for table in tables:
        names.take(table.name)
        if table.identity is not None:
            names.take(f"{table.name}_{table.identity.name}_seq")
    return names


def _on_decoys(source: Source) -> list[Finding]:
    message = "an empty file beside the database: make sure that the app does not use it"
    return [
        Finding("decoy_database", Severity.NOTE, path.name, message)
        for path in decoys(source.database)
    ]
